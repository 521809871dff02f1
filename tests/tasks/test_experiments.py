"""Every configuration under conf/experiment composes, and its first point runs two steps."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.config.check import check
from src.config.prefer import PreferConfig
from src.config.train import TrainConfig
from src.errors import FathomError
from src.sandbox.run import require_sandbox
from src.tasks.finetune import finetune
from src.tasks.prefer import prefer
from src.tracking.query import points
from src.tracking.store import open_store

ROOT = Path(__file__).parents[2]
GSM8K = ROOT.parent / "shared" / "data" / "gsm8k"
SHORT = [
    "n_examples=8",
    "model.init=random",
    "model.size=s",
    "recipe.epochs=null",
    "recipe.until=null",
    "recipe.search=[]",
    "recipe.steps=2",
    "recipe.min_steps=1",
    "benchmark.test_limit=4",
    "benchmark.max_new_tokens=4",
    "trainer.progress_bar=false",
]


def compose_short(command, *overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(command, overrides=[*overrides, *SHORT])
    for other in config.get("also", {}).values():
        other.test_limit, other.max_new_tokens = 4, 4
    return config


def experiments():
    return sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))


@pytest.mark.parametrize("experiment", [name for name in experiments() if name != "preference"])
def test_experiment_runs_two_steps(experiment, tmp_path, migrated):
    (tmp_path / "mlflow.db").write_bytes(migrated.read_bytes())
    overrides = [f"experiment={experiment}", f"tracking.root={tmp_path}"]
    if "gsm8k" in experiment:
        if not GSM8K.is_dir():
            pytest.skip(f"needs the GSM8K files in {GSM8K}")
        overrides.append(f"benchmark.path={GSM8K}")
    config = compose_short("train", *overrides)
    if "also" in config:
        _needs_sandbox()
    typed = check(config, TrainConfig)
    finetune(typed)
    (point,) = points(open_store(None, tmp_path), typed.study)
    assert point.metrics["train/optimizer_steps"] == 2
    assert point.metrics["eval/n_items"] == 4


@pytest.mark.parametrize("experiment", experiments())
def test_every_point_of_an_experiment_composes(experiment):
    sweep = OmegaConf.load(ROOT / "conf/experiment" / f"{experiment}.yaml").hydra.sweeper.params
    command, schema = ("prefer", PreferConfig) if experiment == "preference" else ("train", TrainConfig)
    if "list_functions" in str(sweep):
        _needs_sandbox()
    longest = max(len(str(values).split(",")) for values in sweep.values())
    for place in range(longest):
        # The i-th value of each key together: every value once, and not their product.
        chosen = {key: (values := str(of).split(","))[place % len(values)] for key, of in sweep.items()}
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            overrides = [f"experiment={experiment}", *(f"{key}={value}" for key, value in chosen.items())]
            if experiment == "gsm8k_loss":
                overrides.append("benchmark.path=null")
            check(compose(command, overrides=overrides), schema)


def test_preference_judges_what_two_short_points_say(tmp_path, migrated):
    (tmp_path / "mlflow.db").write_bytes(migrated.read_bytes())
    config = check(
        compose_short("prefer", "experiment=preference", f"tracking.root={tmp_path}", "judge.model.init=random"),
        PreferConfig,
    )
    prefer(config)
    assert len(points(open_store(None, tmp_path), "preference")) == 2


def _needs_sandbox():
    try:
        require_sandbox("bubblewrap")
    except FathomError as error:
        pytest.skip(str(error))
