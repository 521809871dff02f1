"""What a run is stamped with: where it ran, on what, with which code and which versions."""

import getpass
import json
import platform
import shlex
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from src.tracking import tags as tag
from src.tracking.identity import git_state
from src.tracking.secrets import redact

PROJECT = Path(__file__).parents[2]
PACKAGES = ("fathom", "torch", "lightning", "transformers", "peft", "mlflow", "numpy")


def provenance() -> dict[str, str]:
    """Tags that say where a run came from; none of them is part of the run's identity."""
    git = git_state(PROJECT)
    tags = {
        "fathom.host": socket.gethostname(),
        tag.DEVICE: _device(),
        tag.COMMAND: command_line(sys.argv[1:]),
        tag.VERSIONS: json.dumps({"python": platform.python_version(), **_versions()}),
        "mlflow.user": _user(),
        "mlflow.source.name": Path(sys.argv[0]).name,
        "mlflow.source.type": "LOCAL",
    }
    if git["commit"]:
        tags |= {
            tag.COMMIT: str(git["commit"]),
            tag.DIRTY: str(git["dirty"]).lower(),
            "mlflow.source.git.commit": str(git["commit"]),
        }
    return tags


def command_line(arguments: Sequence[str]) -> str:
    """This process's command with these arguments, as a shell takes it in the project's directory."""
    script = Path(sys.argv[0]).resolve()
    shown = script.relative_to(PROJECT) if script.is_relative_to(PROJECT) else script
    return redact(shlex.join(["python", str(shown), *arguments]))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _device() -> str:
    """The accelerators that torch sees, where torch is loaded (it is never loaded for this); else the processor."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"cpu ({platform.machine()})"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
