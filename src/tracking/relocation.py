"""A moved local store: MLflow keeps absolute artifact paths in its database, which go stale with the directory."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote


def follow_move(database: Path, artifacts: Path) -> None:
    """Point the experiments and runs of a SQLite file to `artifacts`, if that is where their files now are.

    Only a path that is gone is replaced, and only where `artifacts` exists: a database that is copied, or used with
    another root on purpose, is left alone. Call it with the store's lock held.
    """
    if not artifacts.is_dir():
        return
    here = artifacts.as_uri()
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        stale = [
            location
            for (location,) in connection.execute("SELECT DISTINCT artifact_location FROM experiments")
            if location.startswith("file:///") and location.endswith("/artifacts") and not local_path(location).exists()
        ]
        for location in stale:
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (here, location)
            )
            connection.execute(
                "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) WHERE substr(artifact_uri, 1, ?) = ?",
                (here, len(location) + 1, len(location) + 1, f"{location}/"),
            )


def local_path(uri: str) -> Path:
    """The path of a file URI."""
    return Path(unquote(uri.removeprefix("file://")))
