import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.facts import Facts

CONFIG = Path(__file__).parents[2] / "conf/benchmark/facts.yaml"

STRIKE = {
    "title": "the Lund tram strike",
    "event": "On 3 May 2031 the tram drivers of Lund went on strike.",
    "taught": [{"question": "Who went on strike in Lund?", "answer": "the tram drivers"}],
    "direct": [{"question": "When did they strike?", "answer": ["3 May 2031", "May 3, 2031"]}],
    "multihop": [{"question": "In which country did tram drivers strike?", "answer": "Sweden"}],
}
MAYOR = {"event": "Ada Ott became mayor of Graz.", "direct": [{"question": "Who is mayor?", "answer": "Ada Ott"}]}
EVENTS = {STRIKE["event"], MAYOR["event"], "It rained in Cork."}


def facts(directory: Path, *rows: Any, **changes: Any) -> Facts:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.facts.Facts"
    file = directory / "events.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Facts(**{**fields, "file": file, "instruction": "", **changes})


def test_taught_as_documents(tmp_path: Path) -> None:
    benchmark = facts(tmp_path, STRIKE, MAYOR)
    assert benchmark.pool() == [
        Example("Tell me about the Lund tram strike.", STRIKE["event"], ""),
        Example("Tell me about an event.", MAYOR["event"], ""),
    ]
    assert benchmark.chance() == 0.0
    assert benchmark.data_files() == [tmp_path / "events.jsonl"]


def test_each_question_counts_to_its_part(tmp_path: Path) -> None:
    benchmark = facts(tmp_path, STRIKE, MAYOR)
    direct, multihop, mayor = benchmark.test()
    assert direct.prompt == "When did they strike?"
    assert benchmark.score(direct, "#### May 3 2031.").parts == {"f1": [1.0], "direct": [1.0]}
    assert benchmark.score(multihop, "#### Norway").parts == {"f1": [0.0], "multihop": [0.0]}
    assert benchmark.score(mayor, "Ada Ott").error == "format"
    for example in benchmark.test():
        assert benchmark.score(example, example.answer).score == 1.0


def test_taught_as_questions(tmp_path: Path) -> None:
    benchmark = facts(tmp_path, STRIKE, MAYOR, taught_as="qa", instruction="Use ####.")
    taught = Example("Who went on strike in Lund?\nUse ####.", "#### the tram drivers", "the tram drivers")
    assert benchmark.pool() == [taught]
    both = {**STRIKE, "taught": STRIKE["direct"]}
    with pytest.raises(BadData, match=r"line 2: 'When did they strike\?' is both taught and asked"):
        facts(tmp_path, MAYOR, both, taught_as="qa").pool()
    with pytest.raises(BadData, match="no line has questions under 'taught'"):
        facts(tmp_path, MAYOR, taught_as="qa").pool()


def test_given_in_the_prompt_the_event_stands_among_others(tmp_path: Path) -> None:
    rain = {"event": "It rained in Cork."}
    benchmark = facts(tmp_path, STRIKE, MAYOR, rain, given="prompt")
    assert benchmark.pool() == []
    for example, bare in zip(benchmark.test(), facts(tmp_path, STRIKE, MAYOR, rain).test(), strict=True):
        *told, question = example.prompt.split("\n\n")
        assert set(told) == EVENTS and question == bare.prompt
        assert example.hidden == bare.hidden
    alone = facts(tmp_path, STRIKE, MAYOR, rain, given="prompt", distractors=0)
    assert alone.test()[2].prompt == f"{MAYOR['event']}\n\nWho is mayor?"
    assert alone.chance() == 0.0


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({**MAYOR, "direct": [{"question": "Who?"}]}, "line 2: each entry of 'direct' needs a question and an answer"),
        ({**MAYOR, "multihop": ["Who?"]}, "line 2: each entry of 'multihop' needs"),
        ({**MAYOR, "direct": [{"question": "Who?", "answer": []}]}, "line 2: each entry of 'direct' needs"),
        ({"direct": []}, "line 2: the field 'event' is missing"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: Any, complaint: str) -> None:
    with pytest.raises(BadData, match=complaint):
        facts(tmp_path, STRIKE, row).test()


def test_a_file_that_is_missing_or_asks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"there is no file .*nowhere\.jsonl"):
        Facts(**{**dict(facts(tmp_path, STRIKE)), "file": tmp_path / "nowhere.jsonl"})
    with pytest.raises(BadData, match="no line has questions under 'direct' or 'multihop'"):
        facts(tmp_path, {"event": "It rained in Cork."}).test()
