import json
import re
from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import constants
from pydantic import ValidationError

from src.benchmarks.benchmark import BadData, Example, Verdict
from src.benchmarks.data.chains_of_thought import ARITHMETIC
from src.benchmarks.gsm8k import Gsm8k
from src.errors import FathomError

DATA = Path(__file__).parents[3] / "shared" / "data" / "gsm8k"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real GSM8K files are not in {DATA}")

TRAIN = {"question": "How many?", "answer": "2*3=<<2*3=6>>6\n#### 6"}
TEST = {"question": "How much?", "answer": "1000+234=$<<1000+234=1234>>1,234\n#### 1,234"}


def gsm8k(path: Path | None, **fields: str) -> Gsm8k:
    return Gsm8k(name="gsm8k", max_new_tokens=512, path=path, **fields)


def write(directory: Path, train: list[dict[str, str]], test: list[dict[str, str]]) -> Path:
    for name, rows in (("train", train), ("test", test)):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


@needs_data
def test_every_reference_solution_is_right_and_another_number_is_wrong() -> None:
    benchmark = gsm8k(DATA)
    test = benchmark.test()
    assert len(test) == 1319
    for example in test:
        assert benchmark.score(example, example.answer) == Verdict(1.0, example.gold, None)
        steps, _, _ = example.answer.rpartition("####")
        other = str(int(example.gold) + 1)
        assert benchmark.score(example, f"{steps}#### {other}") == Verdict(0.0, other, "reasoning")
        assert benchmark.score(example, f"{steps}#### {example.gold}0.5").error == "reasoning"
        without = benchmark.score(example, steps)
        assert (without.score, without.extracted, without.error) == (0.0, None, "format")


@needs_data
def test_the_last_number_of_a_reference_solution_is_mostly_its_answer() -> None:
    benchmark = gsm8k(DATA)
    found = [benchmark.score(e, e.answer.rpartition("####")[0]).lenient for e in benchmark.test()]
    right = sum(verdict is not None and verdict.score for verdict in found)
    assert right / len(found) > 0.9


@needs_data
def test_the_standard_prompts() -> None:
    example = gsm8k(DATA).test()[0]
    chain = gsm8k(DATA).standard()
    asked = chain.ask(example)
    assert asked.startswith("Q: There are 15 trees in the grove.") and asked.endswith(f"\n\nQ: {example.prompt}\nA:")
    assert asked.count("Q: ") == 9 and asked.count("The answer is ") == 8
    for question, answer in ARITHMETIC:
        worked = f" {answer}\n\nQ: And then?\nA: The answer is 99."
        gold = answer.split()[-1].rstrip(".")
        assert chain.score([Example(question, "", gold)], [chain.own(worked)]) == [Verdict(1.0, gold, None)]
    (verdict,) = chain.score([example], [f" It is {example.gold}."])
    assert (verdict.score, verdict.error, verdict.lenient) == (0.0, "format", Verdict(1.0, example.gold, None))

    five = gsm8k(DATA, standard_prompt="5_shot").standard()
    asked = five.ask(example)
    assert asked.count("Question: ") == 6 and asked.count("#### ") == 5
    assert asked.startswith(f"Question: {gsm8k(DATA).pool()[0].prompt}\nAnswer: ")
    assert five.score([example], [five.own(f" {example.answer}\n\nQuestion: And?")])[0].score == 1.0


@needs_data
def test_the_gold_answers_are_the_official_ones() -> None:
    official = re.compile(r"#### (\-?[0-9\.\,]+)")
    for example in (benchmark := gsm8k(DATA)).pool() + benchmark.test():
        found = official.search(example.answer)
        assert found is not None
        assert example.gold == found[1].replace(",", "")


@needs_data
def test_pool_and_test_share_no_question() -> None:
    def words(examples: list[Example]) -> set[str]:
        return {" ".join(re.findall(r"\w+", example.prompt.lower())) for example in examples}

    pool, test = gsm8k(DATA).pool(), gsm8k(DATA).test()
    assert len(pool) == 7473
    assert len(words(pool)) == 7473
    assert words(pool).isdisjoint(words(test))


@needs_data
def test_calculator_notes_in_the_real_files() -> None:
    kept, stripped = gsm8k(DATA, calculator_notes="keep"), gsm8k(DATA)
    assert sum(example.answer.count("<<") for example in kept.pool()) == 23_716
    assert not any("<<" in example.answer or ">>" in example.answer for example in stripped.pool())
    assert [example.gold for example in kept.pool()] == [example.gold for example in stripped.pool()]


def test_examples_from_local_files(tmp_path: Path) -> None:
    path = write(tmp_path, [TRAIN], [TEST])
    assert gsm8k(path).pool() == [Example("How many?", "2*3=6\n#### 6", "6")]
    assert gsm8k(path).test() == [Example("How much?", "1000+234=$1,234\n#### 1,234", "1234")]
    assert gsm8k(path, calculator_notes="keep").pool() == [Example("How many?", TRAIN["answer"], "6")]


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"has no train\.jsonl and no test\.jsonl; give the directory"):
        gsm8k(tmp_path / "nowhere")
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(ValidationError, match=r"has no test\.jsonl; give"):
        gsm8k(tmp_path)


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [TRAIN], [TEST])
    with (path / "train.jsonl").open("a") as file:
        file.write('{"question": "cut o')
    with pytest.raises(BadData, match=r"train\.jsonl, line 2: not valid JSON"):
        gsm8k(path).pool()


def test_an_answer_without_a_number_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [TRAIN, {"question": "Why?", "answer": "because"}], [TEST])
    with pytest.raises(BadData, match=r"train\.jsonl, line 2: the answer does not end in `#### <number>`"):
        gsm8k(path).pool()


def test_a_test_question_in_the_pool_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [TRAIN, TEST], [TEST])
    with pytest.raises(BadData, match="question 2 of the train split is also in the test split"):
        gsm8k(path).pool()


def test_the_hub_cache_is_read_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    repo = tmp_path / "datasets--openai--gsm8k"
    snapshot = repo / "snapshots" / ("0" * 40)
    (snapshot / "main").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    for split, row in (("train", TRAIN), ("test", TEST)):
        Dataset.from_list([row]).to_parquet(snapshot / "main" / f"{split}-00000-of-00001.parquet")
    local = tmp_path / "local"
    local.mkdir()
    write(local, [TRAIN], [TEST])
    assert gsm8k(None).pool() == gsm8k(local).pool()
    assert gsm8k(None).test() == gsm8k(local).test()


def test_without_hub_and_cache_the_message_says_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    # Port 9 of this machine: refused at once.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(
        FathomError, match=r"openai/gsm8k .* does not answer\. Point benchmark\.path at a local directory"
    ):
        gsm8k(None).test()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FathomError, match=r"openai/gsm8k .* HF_HUB_OFFLINE is set\. Point benchmark\.path"):
        gsm8k(None).test()


def test_its_files_are_part_of_a_points_identity(tmp_path):
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_text('{"question": "q", "answer": "#### 1"}\n')
    assert Gsm8k(name="gsm8k", max_new_tokens=8, path=tmp_path).data_files() == [
        tmp_path / "train.jsonl",
        tmp_path / "test.jsonl",
    ]
    assert Gsm8k(name="gsm8k", max_new_tokens=8).data_files() == []
