"""A command's configuration as its run keeps it, and the configuration again from what was kept."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from pydantic import BaseModel

from src.config.check import Command, check
from src.config.tracking import Tracking
from src.errors import FathomError

# Where runs are kept is for whoever runs it again to say, and its URI may hold a password.
NOT_KEPT = {"tracking"}


def kept(config: BaseModel) -> dict[str, Any]:
    """The configuration as JSON can hold it, with absolute paths: the same from any working directory."""
    values: dict[str, Any] = _plain(config.model_dump(by_alias=True, exclude=NOT_KEPT))
    return values


def restored(values: dict[str, Any], overrides: Sequence[str], tracking: Tracking, command: type[Command]) -> Command:
    """What `kept` made of a configuration of the class `command`, with overrides as on its command line.

    FathomError for an override, or a value, that does not fit.
    """
    # A kept value is final: `${…}` in it is text.
    text = json.dumps({**values, "tracking": tracking.model_dump(mode="json")}).replace("${", "\\\\${")
    with TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(text, encoding="utf-8")
        try:
            with _aside(), initialize_config_dir(folder, version_base="1.3"):
                composed = compose("config", list(overrides))
        except HydraException as error:
            raise FathomError(f"overrides: {str(error).splitlines()[0]}") from error
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if isinstance(values.get(key), dict) and not value.startswith("{"):
            raise FathomError(
                f"overrides: {override} chooses an option of a group, and a run again takes values alone "
                f"(seed=1, recipe.lr=1e-3); with another {key} start from the run's command, its tag fathom.command"
            )
    return check(composed, command)


@contextmanager
def _aside() -> Iterator[None]:
    """Within, Hydra can compose another configuration than that of the command which is running."""
    hydra = GlobalHydra.instance()
    of_command = hydra.hydra
    hydra.clear()
    try:
        yield
    finally:
        hydra.hydra = of_command


def _plain(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _plain(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value.absolute())
    if key == "path" and isinstance(value, str) and Path(value).expanduser().is_dir():
        return str(Path(value).expanduser().absolute())  # a model's, which may be a name on the hub as well
    return value
