"""Who a run is: digests of configs and files, and the run key made of them. Light: no MLflow, no torch."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY_LENGTH = 20


def digest(value: Any) -> str:
    """sha256 (hex) of `value` as canonical JSON: the order of keys does not matter, every value does.

    `value` is made of mappings with string keys, lists or tuples, strings, numbers, booleans, None and paths.
    TypeError for anything else: an object's default text holds its address, and would give a new digest every time.
    """
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"a mapping with keys that are not strings has no digest: {value!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} has no digest: {value!r}")


def run_key(kind: str, **identity: Any) -> str:
    """The run key (20 hex characters) of a run of `kind` whose result depends on `identity` and on nothing else."""
    return digest({"kind": kind, "identity": identity})[:KEY_LENGTH]


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_state(root: Path) -> dict[str, str | bool | None]:
    """`{"commit": hex, "dirty": bool}` of the checkout at `root`; both None outside git, or where git is missing."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain") != ""
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
