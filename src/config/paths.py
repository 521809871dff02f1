"""Paths as a user writes them, and where results go: refused before they are computed, not after."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _for_file(path: Path) -> Path:
    if path.is_dir():
        raise ValueError(f"{path} is a directory: name a file")
    return _writable(path, path.parent)


def _for_directory(path: Path) -> Path:
    return _writable(path, path)


def _writable(path: Path, directory: Path) -> Path:
    there = next(place for place in (directory, *directory.absolute().parents) if place.exists())
    if not there.is_dir():
        raise ValueError(f"{there} is a file, and a directory is needed there: choose another path")
    if not os.access(path if path.exists() else there, os.W_OK):
        raise ValueError(f"{there} cannot be written to (read-only, or not yours): choose another path")
    return path


UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""With ~ for the home directory, in a file of configuration or in quotes on the command line."""
OutFile = Annotated[UserPath, AfterValidator(_for_file)]
OutDirectory = Annotated[UserPath, AfterValidator(_for_directory)]
