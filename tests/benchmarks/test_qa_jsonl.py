import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.qa_jsonl import QaJsonl

CONFIG = Path(__file__).parents[2] / "conf/benchmark/qa_jsonl.yaml"

PLAIN = {
    "question": "Who is the aunt of Mia?",
    "chain": ["Her father is Tom.", "His sister is Ada."],
    "answers": ["Ada"],
}
# Rows as the two data sets publish them, shortened.
MUSIQUE = {
    "id": "2hop__1_2",
    "question": "Where was the author of Emma born?",
    "paragraphs": [
        {"idx": 0, "title": "Emma", "paragraph_text": "Emma is by Jane Austen.", "is_supporting": True},
        {"idx": 1, "title": "Jane Austen", "paragraph_text": "She was born in Steventon.", "is_supporting": True},
    ],
    "question_decomposition": [
        {"id": 1, "question": "Emma >> author", "answer": "Jane Austen", "paragraph_support_idx": 0},
        {"id": 2, "question": "Where was #1 born?", "answer": "Steventon", "paragraph_support_idx": 1},
    ],
    "answer": "Steventon",
    "answer_aliases": ["Steventon, Hampshire"],
    "answerable": True,
}
TWO_WIKI = {
    "_id": "8813f87c",
    "type": "compositional",
    "question": "Who is the mother of the director of Polish-Russian War?",
    "context": [["Polish-Russian War", ["A film of 2009.", " It is by Xawery Żuławski."]]],
    "supporting_facts": [["Polish-Russian War", 1]],
    "evidences": [
        ["Polish-Russian War", "director", "Xawery Żuławski"],
        ["Xawery Żuławski", "mother", "Małgorzata Braunek"],
    ],
    "answer": "Małgorzata Braunek",
}


def qa_jsonl(directory: Path, test: list[Any], train: list[Any] | None = None, **changes: Any) -> QaJsonl:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.qa_jsonl.QaJsonl"
    files = {"train": directory / "train.jsonl", "test": directory / "test.jsonl"}
    for name, rows in (("train", train or []), ("test", test)):
        files[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return QaJsonl(**{**fields, **files, **changes})


def test_chain_and_answers_under_plain_names(tmp_path: Path) -> None:
    other = {"question": "Who?", "chain": "Her father is Tom.\nHis sister is Ada.", "answer": "Ada"}
    benchmark = qa_jsonl(tmp_path, [PLAIN], [other])
    worked = "Her father is Tom.\nHis sister is Ada.\n#### Ada"
    assert benchmark.test() == [Example("Who is the aunt of Mia?", worked, "Ada")]
    assert benchmark.pool() == [Example("Who?", worked, "Ada")]
    assert benchmark.data_files() == [tmp_path / "train.jsonl", tmp_path / "test.jsonl"]


def test_musique(tmp_path: Path) -> None:
    benchmark = qa_jsonl(tmp_path, [MUSIQUE])
    (example,) = benchmark.test()
    assert example.prompt == (
        "Emma: Emma is by Jane Austen.\n\nJane Austen: She was born in Steventon.\n\nWhere was the author of Emma born?"
    )
    assert example.answer == "Emma >> author Jane Austen\nWhere was Jane Austen born? Steventon\n#### Steventon"
    assert benchmark.score(example, "#### steventon, hampshire").score == 1.0
    half = benchmark.score(example, "#### Hampshire")
    assert (half.score, half.error) == (0.0, "reasoning")
    assert half.parts["f1"] == [pytest.approx(2 / 3)]
    closed_book = qa_jsonl(tmp_path, [MUSIQUE], context="none")
    assert closed_book.test()[0].prompt == "Where was the author of Emma born?"


def test_two_wiki(tmp_path: Path) -> None:
    (example,) = qa_jsonl(tmp_path, [TWO_WIKI]).test()
    assert example.prompt.startswith("Polish-Russian War: A film of 2009. It is by Xawery Żuławski.\n\nWho")
    assert example.answer.split("\n")[1:] == [
        "Xawery Żuławski, mother: Małgorzata Braunek",
        "#### Małgorzata Braunek",
    ]


@pytest.mark.parametrize("row", [PLAIN, MUSIQUE, TWO_WIKI, {"question": "Is it?", "answer": True}])
def test_the_reference_scores_correct_and_without_its_last_line_has_no_answer(tmp_path: Path, row: Any) -> None:
    benchmark = qa_jsonl(tmp_path, [row])
    (example,) = benchmark.test()
    assert benchmark.score(example, example.answer).score == 1.0
    assert benchmark.score(example, example.answer.rpartition("####")[0]).error == "format"


def test_other_field_names(tmp_path: Path) -> None:
    row = {"q": "Who?", "a": "Ada", "steps": ["Tom's sister is Ada."], "text": "Ada is Tom's sister."}
    names = {"question_field": "q", "answer_field": "a", "chain_field": "steps", "context_field": "text"}
    benchmark = qa_jsonl(tmp_path, [row], **names)
    assert benchmark.test() == [
        Example("Ada is Tom's sister.\n\nWho?", "Tom's sister is Ada.\n#### Ada", "Ada"),
    ]


def test_a_json_array_is_read_like_lines_and_its_lines_are_named(tmp_path: Path) -> None:
    benchmark = qa_jsonl(tmp_path, [PLAIN, MUSIQUE])
    lines = benchmark.test()
    array = tmp_path / "test.jsonl"
    array.write_text(json.dumps([PLAIN, MUSIQUE], indent=1))
    assert benchmark.test() == lines
    array.write_text('[\n {"question": "Who?", "answer": "Ada"},\n\n {"question": "What?"}]')
    with pytest.raises(BadData, match=r"test\.jsonl, line 4: the answer .* is missing"):
        benchmark.test()
    array.write_text('[\n {"question": "Who?", "answer": "Ada"},\n {]')
    with pytest.raises(BadData, match=r"test\.jsonl: not valid JSON \(.* at line 3, column 3\)"):
        benchmark.test()
    array.write_text('[{"question": "Who?", "answer": "Ada"},\n3]')
    with pytest.raises(BadData, match=r"test\.jsonl, line 2: a int where a JSON object is needed"):
        benchmark.test()


@pytest.mark.parametrize(
    ("row", "gold", "hidden"),
    [
        ({"Question": "Who?", "Answer": "Ada"}, "Ada", ""),
        ({"question": "Who?", "answers": {"text": ["Ada", "A."], "answer_start": [3, 9]}}, "Ada", '["A."]'),
        ({"question": "Who?", "answer": {"value": "Ada", "aliases": ["Ada B."]}}, "Ada", '["Ada B."]'),
        ({"question": "Which sign?", "answer": "+", "answer_aliases": ["plus"]}, "plus", ""),
        ({"question": "Who?", "answers": ["Ada", "?", None, ""]}, "Ada", ""),
        ({"question": "How many?", "answer": 0}, "0", ""),
    ],
)
def test_what_is_clear_is_taken(tmp_path: Path, row: dict[str, Any], gold: str, hidden: str) -> None:
    (example,) = qa_jsonl(tmp_path, [row]).test()
    assert (example.gold, example.hidden) == (gold, hidden)


def test_the_fields_that_are_there_are_named_where_the_question_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"line 1: the field 'question' is missing; .* one of Frage, answer that holds"):
        qa_jsonl(tmp_path, [{"Frage": "Wer?", "answer": "Ada"}]).test()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"answers": []},
            r"the answer \(looked for in answers and answer\) is missing or empty; set benchmark\.answer_field",
        ),
        ({"answers": ["..."]}, r"the answer '\.\.\.' has neither a letter nor a digit"),
        ({"answers": ["#### 3"]}, "the answer '#### 3' holds the marker ####"),
        ({"answers": {"n": 3}}, "the answer is an object with the fields n"),
        ({"question": None}, "the field 'question' is a NoneType, not a str"),
        ({"chain": [3]}, "a step of the chain is neither .*: 3"),
        ({"chain": ["#### Tom"]}, "the chain holds the marker ####"),
        ({"context": [{"text": "?"}]}, "a paragraph is neither a text nor a title with its text"),
        ({"answerable": False}, "marked as not answerable"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadData, match=rf"test\.jsonl, line 2: .*{complaint}"):
        qa_jsonl(tmp_path, [PLAIN, {**PLAIN, **change}]).test()


def test_a_test_question_in_the_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"train\.jsonl, line 2: this prompt is in .*test\.jsonl too"):
        qa_jsonl(tmp_path, [PLAIN], [TWO_WIKI, PLAIN]).pool()
    with pytest.raises(BadData, match=r"test\.jsonl, line 1: the field 'steps' is missing"):
        qa_jsonl(tmp_path, [PLAIN], chain_field="steps").test()
