"""What every entry point does with the configuration that Hydra composed: check it, then run the task."""

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from omegaconf import DictConfig

from src.errors import FathomError


def run(config: DictConfig, command: str, task: str) -> None:
    """Check `config` against the class `command` of src/config.py, then call `task` ("module:function") with it.

    The task's module is imported only once the configuration holds, so that a typo answers at once. A FathomError
    ends in its sentence and exit status 1, without a traceback.
    """
    try:
        from src import config as schema

        checked = schema.check(config, getattr(schema, command))
        logging.basicConfig(level=checked.log_level.upper(), format="%(message)s", force=True)
        module, _, function = task.partition(":")
        call: Callable[[Any], object] = getattr(import_module(module), function)
        call(checked)
    except FathomError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
