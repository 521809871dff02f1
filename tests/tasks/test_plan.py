"""plan=true: what points would take is said, and nothing is run, written or downloaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from src.config.check import check
from src.config.train import TrainConfig
from src.errors import FathomError
from src.planning.assumptions import FILE, assumptions
from src.points.point import identify
from src.tasks.finetune import finetune
from src.tasks.plan import plan_all

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def word_problems(tmp_path_factory):
    """Overrides for a benchmark whose files are here."""
    directory = tmp_path_factory.mktemp("data")
    for name in ("train", "test"):
        lines = [f'{{"prompt": "{name}: what is {i} and {i}?", "answer": "{2 * i}"}}' for i in range(200)]
        (directory / f"{name}.jsonl").write_text("\n".join(lines))
    files = [f"benchmark.{name}={directory}/{name}.jsonl" for name in ("train", "test")]
    return ["benchmark=jsonl", "benchmark.scorer=exact_match", *files]


def composed(*overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return check(compose("train", overrides=list(overrides)), TrainConfig)


def test_a_plan_is_no_part_of_a_points_key(toy):
    assert identify(toy(plan=True)).key == identify(toy()).key


def test_the_command_writes_nothing_and_says_what_a_sweep_takes(tmp_path, word_problems):
    command = [sys.executable, str(ROOT / "src/train.py"), "-m", "model=tiny_llama3", *word_problems]
    command += ["n_examples=0,10", "plan=true", f"tracking.root={tmp_path}/mlruns", f"hydra.sweep.dir={tmp_path}/sweep"]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "2 points, 0 complete already." in outcome.stdout
    assert "| tiny_llama3-s | full | 1 | 2 | " in outcome.stdout  # both points in one line
    assert "steps, hours and dollars are the most" in outcome.stdout  # recipe=converged
    assert not (tmp_path / "mlruns").exists()


def test_what_does_not_fit_is_told_with_what_does(capsys, word_problems):
    plan_all([composed("model=llama3_8b", "n_examples=10", "plan=true", *word_problems)])
    said = capsys.readouterr().out
    (sentence,) = [line for line in said.splitlines() if "does not fit" in line]
    assert sentence.startswith("llama3_8b full on one h100_80gb does not fit: training takes 11")
    assert "nearest: method=lora, or " in sentence
    assert sentence.endswith(", or recipe.optimizer=adamw_bf16_stochastic, or trainer=fsdp trainer.devices=2.")
    assert "Tokens estimated" in said


def test_a_model_too_large_to_evaluate_on_one_device(capsys, word_problems):
    plan_all([composed("model=llama2_70b", "n_examples=0", *word_problems)])
    (sentence,) = [line for line in capsys.readouterr().out.splitlines() if "does not fit" in line]
    assert "evaluating takes 14" in sentence  # 2 bytes of each of 69 billion weights, and the cache


def test_complete_points_are_counted_and_cost_nothing(toy, capsys):
    finetune(toy(n_examples=2, recipe={"epochs": 1}))
    plan_all([toy(n_examples=n, recipe={"epochs": 1}, plan=True) for n in (2, 3)])
    said = capsys.readouterr().out
    assert "2 points, 1 complete already." in said
    assert "| tiny_llama3-s | full | 1 | 1 | 1 |" in said  # of the other: one point, one step


def test_a_point_with_a_base_that_is_elsewhere_may_be_complete(toy, capsys):
    finetune(toy(n_examples=0))
    plan_all([toy(n_examples=0), toy(n_examples=0, model={"init": "pretrained"})])
    assert "2 points, 1 complete already; of 1 it is unknown" in capsys.readouterr().out


def test_assumptions_are_checked(tmp_path):
    file = tmp_path / "assumptions.yaml"
    file.write_text(FILE.read_text().replace("of_peak: 0.4", "of_peak: 40"))
    with pytest.raises(FathomError, match=r"assumptions\.yaml: of_peak: input should be less than or equal to 1"):
        assumptions(file)
    file.write_text(FILE.read_text().replace("reference: h100_80gb", "reference: h10"))
    with pytest.raises(FathomError, match="h10 is none of gpus"):
        assumptions(file)
    with pytest.raises(FathomError, match="cannot be read"):
        assumptions(tmp_path / "none.yaml")
