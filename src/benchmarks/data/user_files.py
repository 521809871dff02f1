"""What is asked of files that are the user's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from src.benchmarks.benchmark import BadData, Example


def _existing(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path.absolute()}")
    return path


OwnFile = Annotated[Path, AfterValidator(_existing)]


def refuse_shared_prompts(
    pool: list[Example], test: Sequence[Example], pool_file: Path, test_file: Path
) -> list[Example]:
    """`pool`, whose i-th example (from 1) comes from line i of its file. Raises BadData for the first shared prompt."""
    asked = {example.prompt for example in test}
    for line, example in enumerate(pool, start=1):
        if example.prompt in asked:
            raise BadData(f"{pool_file}, line {line}: this prompt is in {test_file} too; remove it from one of them.")
    return pool
