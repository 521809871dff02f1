"""Hydra launcher that freezes every job's configuration at the start and hands the jobs to src/sweeps/sweep.py.

Hydra's own launchers compose a job's configuration when its turn comes, so that an edit made meanwhile changes the jobs
still waiting; and under them Lightning's DDP re-executes the whole sweep in each rank. Hydra finds plugins only in the
namespace package `hydra_plugins`, hence this folder without an __init__.py.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from src.config.check import check
from src.config.train import TrainConfig
from src.errors import FathomError
from src.sweeps.launcher import check_launcher


class ProcessesLauncher(Launcher):
    """Its options are those of `src.sweeps.launcher.Launcher`."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: DictConfig | None = None
        self.hydra_context: HydraContext | None = None
        self._parsed: dict[str, Override] = {}
        self._composed: dict[tuple[str, ...], DictConfig] = {}  # by what chooses its files, and the keys of values
        self._chooses: dict[str, bool] = {}  # by an override's key whether it chooses a file of a group

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        assert self.config is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        try:
            launcher = check_launcher({name: _plain(value) for name, value in self.options.items()})
            frozen = [self._freeze(list(overrides), initial_job_idx + i) for i, overrides in enumerate(job_overrides)]
            checked = [check(config, TrainConfig) for _, config in frozen]
            # Imported only now: a wrong key anywhere in the sweep answers at once.
            if checked[0].plan:
                from src.tasks.plan import plan_all

                plan_all(checked)
                return []

            if launcher.executor in ("processes", "gpus"):
                from src.sweeps.executors.local import start_fork_server

                start_fork_server(checked)
            from src.sweeps.sweep import Job, sweep

            jobs = [
                Job(directory, config, typed, list(overrides))
                for (directory, config), typed, overrides in zip(frozen, checked, job_overrides, strict=True)
            ]
            every_point_is_complete = sweep(jobs, launcher)
        except FathomError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_status)
        if not every_point_is_complete:
            sys.exit(1)  # sweep() has said which are not and why; Hydra would show the first one's traceback
        return [JobReturn(overrides=job.overrides, cfg=job.frozen, status=JobStatus.COMPLETED) for job in jobs]

    def _freeze(self, overrides: list[str], number: int) -> tuple[Path, DictConfig]:
        """A job's directory and its configuration with every interpolation resolved."""
        composed = self.compose(overrides, number)
        # ${hydra:…} reads it. Hydra's own set_config would copy it, which takes longer than all else here.
        HydraConfig.instance().cfg = cast(HydraConf, composed)
        directory = Path(str(composed.hydra.sweep.dir), str(composed.hydra.sweep.subdir)).resolve()
        science = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        OmegaConf.resolve(science)
        return directory, science

    def compose(self, overrides: list[str], number: int) -> DictConfig:
        """A job's configuration as Hydra composes it, which holds until the next one is composed.

        Hydra takes a tenth of a second for it. Jobs that differ in numbers and words alone share what it makes of the
        first of them.
        """
        assert self.config is not None and self.hydra_context is not None
        parsed = [self._parsed.get(one) or self._parsed.setdefault(one, self._parse(one)) for one in overrides]
        values = [override for override in parsed if self._is_value(override)]
        choices = [one for one, override in zip(overrides, parsed, strict=True) if override not in values]
        shared = (*choices, *(value.key_or_group for value in values))
        if shared not in self._composed:
            self._composed[shared] = self.hydra_context.config_loader.load_sweep_config(self.config, choices)
        composed = self._composed[shared]
        ConfigLoaderImpl._apply_overrides_to_config(values, composed)
        composed.hydra.overrides.task = overrides
        how = composed.hydra.job.config.override_dirname
        composed.hydra.job.override_dirname = get_overrides_dirname(parsed, **how)
        composed.hydra.job.id = composed.hydra.job.num = number
        return composed

    def _parse(self, override: str) -> Override:
        return OverridesParser.create().parse_override(override)

    def _is_value(self, override: Override) -> bool:
        """Whether an override gives an existing key a number or a word, and chooses no file of a group."""
        assert self.hydra_context is not None
        if override.type is not OverrideType.CHANGE or isinstance(override.value(), list | dict):
            return False
        key = override.key_or_group
        if key not in self._chooses:
            self._chooses[key] = bool(self.hydra_context.config_loader.get_group_options(key))
        return not self._chooses[key]


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
