"""Stores on real SQLite. Making the tables takes seconds, so one migrated database is made and copied."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.tracking.store import Store, open_store

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(migrated: Path, tmp_path: Path) -> Path:
    """A directory for `open_store` whose database has its tables already."""
    root = tmp_path / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    return root


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(None, root, flush_seconds=0.2)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python process that runs `code` with `arguments`, its output piped. What is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
