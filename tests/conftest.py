"""A database with MLflow's tables, made once: making them takes seconds, copying the file none."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from src.tracking.store import open_store


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and no study."""
    root = tmp_path_factory.mktemp("template")
    open_store(None, root)
    copy = root / "copy.db"
    with closing(sqlite3.connect(root / "mlflow.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
