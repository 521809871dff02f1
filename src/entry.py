"""What every entry point does with the configuration that Hydra composed: check it, then run the task."""

import logging
import sys
from collections.abc import Collection
from importlib import import_module
from typing import Any

from omegaconf import DictConfig

from src.errors import FathomError
from src.sweeps.job import quoted


def run(config: DictConfig, command: str, task: str) -> None:
    """Check `config` against the class `command`, then call `task` with it; both are written "module:name".

    The task's module is imported only once the configuration holds, so that a typo answers at once. A FathomError
    ends in its sentence and its exit status, without a traceback.
    """
    try:
        from src.config.check import check

        checked = check(config, _imported(command))
        logging.basicConfig(level=checked.log_level.upper(), format="%(message)s", force=True)
        _imported(task)(checked)
    except FathomError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


def gather_overrides(own: Collection[str]) -> None:
    """Make one argument of those of this process that are for another command: `overrides`, a list.

    `own` are the first parts of this command's keys, and flags are its own too.
    """
    others = [word for word in sys.argv[1:] if not word.startswith("-") and _first_part(word) not in own]
    if others:
        mine = [word for word in sys.argv[1:] if word not in others]
        sys.argv[1:] = [*mine, f"overrides=[{','.join(map(quoted, others))}]"]


def _first_part(argument: str) -> str:
    return argument.lstrip("+~").partition("=")[0].partition(".")[0]


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
