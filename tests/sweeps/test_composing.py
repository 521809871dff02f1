"""A sweep's jobs are composed as Hydra composes each of them, and a thousand of them in seconds."""

from itertools import product
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from src.hydra_plugins.processes_launcher import ProcessesLauncher

CONF = Path(__file__).parents[2] / "conf"
OF_ALL = ["study=s", "recipe.search=[1e-3,2e-3]", "+benchmark@also.other=facts", "recipe.steps=12", "model.size=s"]


@pytest.fixture
def launcher():
    """A launcher in a sweep of no jobs yet, which counts how often Hydra composes one."""
    setup_globals()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        made = ProcessesLauncher()
        made.config = loader.load_configuration("train", ["hydra.sweep.dir=jobs"], run_mode=RunMode.MULTIRUN)
        made.hydra_context = HydraContext(config_loader=loader, callbacks=None)
        made.hydras_own = loader.load_sweep_config
        made.composed = []

        def counted(config, overrides):
            made.composed.append(overrides)
            return made.hydras_own(config, overrides)

        loader.load_sweep_config = counted
        yield made


def test_jobs_are_composed_as_hydra_composes_them(launcher):
    varied = [
        ["model=tiny_llama2", "model=tiny_mistral"],
        ["seed=0", "seed=1"],
        ["recipe.until=null", "recipe.until='${recipe.epochs}'"],
    ]
    jobs = [[*OF_ALL, *of_job] for of_job in product(*varied)]
    for number, job in enumerate(jobs):
        ours, hydras = launcher.compose(job, number), launcher.hydras_own(launcher.config, job)
        hydras.hydra.job.update(id=number, num=number)
        assert OmegaConf.to_yaml(ours) == OmegaConf.to_yaml(hydras)
        assert ours.hydra.job.override_dirname == hydras.hydra.job.override_dirname
    assert len(launcher.composed) == 2  # one for each model


def test_a_key_that_is_not_there_is_said_as_hydra_says_it(launcher):
    with pytest.raises(HydraException, match=r"Could not override 'recipe\.stepz'"):
        launcher.compose([*OF_ALL, "recipe.stepz=1"], 0)


def test_jobs_are_frozen_each_with_its_own(launcher):
    frozen = [launcher._freeze([*OF_ALL, "hydra.job.chdir=false", f"seed={seed}"], number=seed) for seed in (0, 1, 2)]
    assert [config.seed for _, config in frozen] == [0, 1, 2]
    assert [directory for directory, _ in frozen] == [Path("jobs", str(number)).resolve() for number in (0, 1, 2)]
    assert len(launcher.composed) == 1
