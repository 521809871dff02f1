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
Placed = tuple[str, Example]
"""An example and where it comes from: file and line."""


def refuse_shared_prompts(pool: list[Placed], test: Sequence[Placed], test_file: Path) -> list[Example]:
    """The pool's examples. Raises BadData for the first whose prompt is one of `test`."""
    asked = {example.prompt for _, example in test}
    for place, example in pool:
        if example.prompt in asked:
            raise BadData(f"{place}: this prompt is in {test_file} too; remove it from one of them.")
    return [example for _, example in pool]
