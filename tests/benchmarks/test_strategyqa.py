import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from src.benchmarks.benchmark import BadData, Example, Verdict
from src.benchmarks.data.chains_of_thought import YES_NO
from src.benchmarks.strategyqa import StrategyQa

CONFIG = Path(__file__).parents[2] / "conf/benchmark/strategyqa.yaml"
DATA = Path(__file__).parents[3] / "shared" / "data" / "strategyqa"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real StrategyQA files are not in {DATA}")

ROW = {"question": "Can a fox bark?", "answer": True, "facts": ["Foxes bark."], "decomposition": ["What do foxes do?"]}
OTHER = {**ROW, "question": "Can a fox fly?", "answer": False}


def strategyqa(path: Path) -> StrategyQa:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.strategyqa.StrategyQa"
    return StrategyQa(**{**fields, "path": path})


def write(directory: Path, train: object, dev: object) -> Path:
    (directory / "train.json").write_text(json.dumps(train))
    (directory / "dev.json").write_text(json.dumps(dev))
    return directory


@needs_data
def test_every_reference_chain_of_the_real_files_scores_correct() -> None:
    benchmark = strategyqa(DATA)
    pool, test = benchmark.pool(), benchmark.test()
    assert (len(pool), len(test)) == (2061, 229)
    for example in pool + test:
        assert benchmark.score(example, example.answer) == Verdict(1.0, example.gold, None)
        opposite = "no" if example.gold == "yes" else "yes"
        chain, _, _ = example.answer.rpartition("####")
        assert benchmark.score(example, f"{chain}#### {opposite}") == Verdict(0.0, opposite, "reasoning")
        assert benchmark.score(example, chain).error == "format"
    assert {example.prompt for example in pool}.isdisjoint(example.prompt for example in test)


@needs_data
def test_the_standard_prompt() -> None:
    example = strategyqa(DATA).test()[0]
    standard = strategyqa(DATA).standard()
    asked = standard.ask(example)
    assert asked.startswith("Q: Do hamsters") and asked.endswith(f"\n\nQ: {example.prompt}\nA:")
    assert asked.count("Q: ") == 7 and asked.count("So the answer is ") == 6
    for _, answer in YES_NO:
        gold = answer.split()[-1].rstrip(".")
        completion = standard.own(f" {answer}\n\nQ: And? So the answer is maybe.")
        assert standard.score([Example("", "", gold)], [completion]) == [Verdict(1.0, gold, None)]


@needs_data
def test_the_chance_level_of_the_real_files() -> None:
    benchmark = strategyqa(DATA)
    assert Counter(example.gold for example in benchmark.test()) == {"no": 122, "yes": 107}
    assert benchmark.chance() == 122 / 229


def test_the_worked_chain_comes_before_the_answer(tmp_path: Path) -> None:
    benchmark = strategyqa(write(tmp_path, [ROW], [OTHER]))
    assert benchmark.pool() == [Example("Can a fox bark?", "What do foxes do?\nFoxes bark.\n#### yes", "yes")]
    assert [example.gold for example in benchmark.test()] == ["no"]
    assert benchmark.data_files() == [tmp_path / "train.json", tmp_path / "dev.json"]


def test_missing_and_malformed_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"has no train\.json or no dev\.json; give the directory"):
        strategyqa(tmp_path)
    benchmark = strategyqa(write(tmp_path, [ROW, {**ROW, "answer": "true"}], [OTHER]))
    with pytest.raises(
        BadData, match=r"train\.json, 1\.answer \(items counted from 0\): Input should be a valid boolean"
    ):
        benchmark.pool()
    (tmp_path / "train.json").write_text("[{")
    with pytest.raises(BadData, match=r"train\.json, as a whole .*: Invalid JSON"):
        benchmark.pool()
