"""Who a run is: digests of configs, files and code, and the run key made of them. Light: no MLflow, no torch."""

import ast
import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

KEY_LENGTH = 20
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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


def code_digest(paths: Iterable[Path]) -> str:
    """Digest (hex) of Python files by what they do: comments, docstrings and layout are taken out first.

    Directories stand for every .py file below them. Files count by their name and their code, whatever their order
    and wherever the project lies. SyntaxError for a file that is not Python.
    """
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    return digest(sorted([file.name, _bare_code(file)] for file in set(files)))


def _bare_code(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


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
