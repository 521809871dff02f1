"""What a run is stamped with: where it ran, on what, with which code and which versions."""

import getpass
import json
import platform
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from src.tracking.identity import git_state

PROJECT = Path(__file__).parents[2]
PACKAGES = ("fathom", "torch", "lightning", "transformers", "peft", "mlflow", "numpy")


def provenance() -> dict[str, str]:
    """Tags that say where a run came from; none of them is part of the run's identity."""
    git = git_state(PROJECT)
    tags = {
        "fathom.host": socket.gethostname(),
        "fathom.device": _device(),
        "fathom.versions": json.dumps({"python": platform.python_version(), **_versions()}),
        "mlflow.user": _user(),
        "mlflow.source.name": Path(sys.argv[0]).name,
        "mlflow.source.type": "LOCAL",
    }
    if git["commit"]:
        tags |= {
            "fathom.git.commit": str(git["commit"]),
            "fathom.git.dirty": str(git["dirty"]).lower(),
            "mlflow.source.git.commit": str(git["commit"]),
        }
    return tags


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
