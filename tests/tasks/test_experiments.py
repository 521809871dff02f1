"""Every configuration under conf/experiment composes, and its first point runs two steps."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from src.config import TrainConfig, check
from src.tasks.finetune import finetune
from src.tracking.query import points
from src.tracking.store import open_store

ROOT = Path(__file__).parents[2]
GSM8K = ROOT.parent / "shared" / "data" / "gsm8k"
SHORT = [
    "n_examples=8",
    "model.init=random",
    "model.size=s",
    "recipe.epochs=null",
    "recipe.steps=2",
    "recipe.min_steps=1",
    "benchmark.test_limit=4",
    "benchmark.max_new_tokens=4",
    "trainer.progress_bar=false",
]


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")))
def test_experiment_runs_two_steps(experiment, tmp_path, migrated):
    (tmp_path / "mlflow.db").write_bytes(migrated.read_bytes())
    overrides = [f"experiment={experiment}", f"tracking.root={tmp_path}", *SHORT]
    if "gsm8k" in experiment:
        if not GSM8K.is_dir():
            pytest.skip(f"needs the GSM8K files in {GSM8K}")
        overrides.append(f"benchmark.path={GSM8K}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = check(compose("train", overrides=overrides), TrainConfig)
    finetune(config)
    (point,) = points(open_store(None, tmp_path), config.study)
    assert point.metrics["train/optimizer_steps"] == 2
    assert point.metrics["eval/n_items"] == 4
