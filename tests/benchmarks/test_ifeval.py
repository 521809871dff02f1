import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.ifeval import IfEval
from src.benchmarks.scoring.ifeval_kinds import KINDS

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/ifeval/input_data.jsonl"
needs_data = pytest.mark.skipif(not DATA.is_file(), reason="needs IFEval's input_data.jsonl in ../shared/data/ifeval")
PROMPT = "Answer my question without commas and in two words."


def ifeval(**changes: object) -> IfEval:
    fields = yaml.safe_load((ROOT / "conf/benchmark/ifeval.yaml").read_text())
    assert fields.pop("_target_") == "src.benchmarks.ifeval.IfEval"
    return IfEval(**{**fields, **changes})


def rows(file: Path, *instructions: tuple[str, Mapping[str, object]]) -> Path:
    kinds, kwargs = zip(*instructions, strict=True)
    file.write_text(json.dumps({"key": 1, "prompt": PROMPT, "instruction_id_list": kinds, "kwargs": kwargs}) + "\n")
    return file


def item(tmp_path: Path) -> tuple[IfEval, Example]:
    # As on the hub: every argument is there and most are null.
    nulls = {"num_words": None, "relation": None, "end_phrase": None}
    words = {**nulls, "num_words": 3, "relation": "less than"}
    file = rows(tmp_path / "two.jsonl", ("punctuation:no_comma", nulls), ("length_constraints:number_words", words))
    benchmark = ifeval(path=file)
    return benchmark, benchmark.test()[0]


@needs_data
def test_all_prompts_load_with_every_kind_of_instruction() -> None:
    test = ifeval(path=DATA).test()
    kinds = Counter(kind for example in test for kind, _ in json.loads(example.hidden))
    assert len({example.prompt for example in test}) == len(test) == 541
    assert set(kinds) == set(KINDS)
    assert kinds.total() == 834
    assert all(example.answer == example.gold == "" for example in test)


@needs_data
def test_all_arguments_are_accepted_by_their_checkers() -> None:
    benchmark = ifeval(path=DATA)
    for example in benchmark.test():
        verdict = benchmark.score(example, "We went home.")
        instructions = json.loads(example.hidden)
        assert len(verdict.parts["instruction_strict"]) == len(instructions)
        assert verdict.score == float(all(verdict.parts["instruction_strict"]))
        assert sum(verdict.parts["instruction_loose"]) >= sum(verdict.parts["instruction_strict"])


@needs_data
def test_chance_is_what_a_refusal_of_every_prompt_follows_and_needs_no_pool() -> None:
    assert ifeval(path=DATA, pool_repo=None).chance() == pytest.approx(63 / 541)


def test_prompt_and_instruction_level_strict_and_loose(tmp_path: Path) -> None:
    benchmark, example = item(tmp_path)
    right = benchmark.score(example, "Two words.")
    assert (right.score, right.error) == (1.0, None)
    assert right.parts == {"instruction_strict": [1, 1], "instruction_loose": [1, 1], "prompt_loose": [1]}
    half = benchmark.score(example, "One two three four.")
    assert (half.score, half.error, half.detail) == (0.0, "reasoning", "length_constraints:number_words")
    assert half.parts == {"instruction_strict": [1, 0], "instruction_loose": [1, 0], "prompt_loose": [0]}
    chatty = benchmark.score(example, "Sure, here you are:\nTwo words.")
    assert (chatty.score, chatty.detail) == (0.0, "punctuation:no_comma")
    assert chatty.parts == {"instruction_strict": [0, 0], "instruction_loose": [1, 1], "prompt_loose": [1]}


def test_an_empty_response_is_a_format_error_and_follows_nothing(tmp_path: Path) -> None:
    benchmark, example = item(tmp_path)
    verdict = benchmark.score(example, " \n")
    assert (verdict.score, verdict.error, verdict.extracted) == (0.0, "format", None)
    assert verdict.parts == {"instruction_strict": [0, 0], "instruction_loose": [0, 0], "prompt_loose": [0]}


def test_the_pool_is_a_file_of_instructions(tmp_path: Path) -> None:
    pool = tmp_path / "dolly.jsonl"
    pool.write_text(json.dumps({"instruction": "Say hi.", "context": "", "response": "Hi."}) + "\n")
    benchmark = ifeval(path=item(tmp_path)[0].path, pool_file=pool)
    assert benchmark.pool() == [Example("Say hi.", "Hi.", gold="Hi.")]
    assert benchmark.data_files() == [tmp_path / "two.jsonl", pool]


@pytest.mark.parametrize(
    ("kind", "kwargs", "complaint"),
    [
        ("keywords:rhymes", {}, "no kind of instruction 'keywords:rhymes'"),
        ("startend:end_checker", {}, "end_phrase"),
    ],
)
def test_an_unknown_instruction_or_argument_is_named(
    tmp_path: Path, kind: str, kwargs: dict[str, object], complaint: str
) -> None:
    file = rows(tmp_path / "odd.jsonl", (kind, kwargs))
    with pytest.raises(BadData, match=rf"odd\.jsonl, line 1: .*{complaint}"):
        ifeval(path=file).test()


def test_each_instruction_needs_its_arguments(tmp_path: Path) -> None:
    file = tmp_path / "short.jsonl"
    file.write_text('{"prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": []}\n')
    with pytest.raises(BadData, match="line 1: 1 instructions and 0 kwargs"):
        ifeval(path=file).test()
