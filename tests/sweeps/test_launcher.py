import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from src.errors import FathomError
from src.sweeps.executors import executor_for
from src.sweeps.launcher import Launcher, check_launcher

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "hydra/launcher").glob("*.yaml"))


def composed(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", list(overrides), return_hydra_config=True)
    options = OmegaConf.to_container(config.hydra.launcher)
    del options["_target_"]
    return options


@pytest.mark.parametrize("name", NAMES)
def test_an_executor_is_a_word_on_the_command_line(name):
    options = composed(f"hydra/launcher={name}")
    assert check_launcher(options).executor == name
    # What a file says is what the class takes for granted.
    assert {key: Launcher.model_fields[key].default for key in options if key not in ("executor", "cpus")} == {
        key: value for key, value in options.items() if key not in ("executor", "cpus")
    }


def test_a_wrong_option_is_named():
    with pytest.raises(FathomError, match=r"^hydra\.launcher\.retries: input should be greater than or equal to 0"):
        check_launcher(composed("hydra.launcher.retries=-1"))


@pytest.mark.parametrize(("name", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_is_named(name, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FathomError) as refused:
        executor_for(Launcher(executor=name), [], 1, tmp_path)
    assert str(refused.value) == (
        f"hydra/launcher={name} needs {package}, which is not installed: pip install 'fathom[{name}]'"
    )
