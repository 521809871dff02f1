"""Artifacts in a directory of this machine, where large files are linked instead of copied: on the disk once."""

import os
import shutil
from pathlib import Path

from mlflow import MlflowClient

from src.tracking.relocation import local_path


def artifact_directory(client: MlflowClient, run_id: str) -> Path | None:
    """Where a run's artifacts lie, or None where a server or another service has them."""
    uri = str(client.get_run(run_id).info.artifact_uri)
    return local_path(uri) if uri.startswith("file://") else None


def link(source: Path, target: Path) -> None:
    """Have a file, or all files of a directory, at `target` too: copied only where the file system takes no links.

    A file that is at the target is replaced and not written into, for it may be linked itself. Neither side may be
    written into afterwards.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)
    else:
        _link(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    Path(target).unlink(missing_ok=True)
    try:
        os.link(Path(source).resolve(), target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
