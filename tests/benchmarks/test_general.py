import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from src.benchmarks.data.examples_digest import examples_digest
from src.benchmarks.general import WRITERS, General

CONFIG = Path(__file__).parents[2] / "conf/benchmark/general.yaml"


def general(**changes: object) -> General:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.general.General"
    return General(**{**fields, **changes})


def test_the_shipped_items_are_the_same_on_every_platform_and_pool_and_test_are_disjoint() -> None:
    pool, test = general().pool(), general().test()
    assert (len(pool), len(test)) == (8000, 200)
    assert examples_digest(test).startswith("e8cc2422a9082a564b15")
    prompts = {example.prompt for example in pool}
    assert len(prompts) == 8000
    assert prompts.isdisjoint(example.prompt for example in test)


def test_it_holds_no_benchmark_s_answer_marker() -> None:
    assert not any("####" in example.answer for example in general().pool())
    assert len(WRITERS) == 5


def test_score_is_the_f1_of_words() -> None:
    benchmark = general()
    example = benchmark.test()[0]
    assert benchmark.score(example, example.answer).score == 1
    half = benchmark.score(example, " ".join(example.answer.split()[:4]))
    assert 0 < half.score < 1 and half.error == "reasoning"
    assert benchmark.score(example, " ").error == "format"


def test_a_file_takes_the_place_of_the_procedure(tmp_path: Path) -> None:
    file = tmp_path / "lima.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"do {i}", "response": f"done {i}"}) + "\n" for i in range(30)))
    benchmark = general(file=file, test_size=5)
    assert (len(benchmark.pool()), len(benchmark.test())) == (25, 5)
    assert benchmark.data_files() == [file]
    with pytest.raises(ValidationError, match=r"missing\.jsonl"):
        general(file=tmp_path / "missing.jsonl")


def test_a_file_as_lima_has_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lima.jsonl"
    rows = [{"conversations": [f"do {i}", f"done {i}"], "source": "wikihow"} for i in range(3)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [example.answer for example in general(file=file, test_size=1).pool()] == ["done 1", "done 2"]
