"""A full disk, told in a sentence whichever library met it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

from src.errors import FathomError
from src.tracking.storage_errors import FULL, FULL_IN_WORDS


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Within, an error that means that no more can be written to `directory` becomes a FathomError."""
    try:
        yield
    except Exception as error:
        # torch and safetensors raise their own types, with the system's words in them.
        full = isinstance(error, OSError) and error.errno in FULL
        if not full and not any(words in str(error) for words in FULL_IN_WORDS):
            raise
        raise FathomError(
            f"the disk is full or a limit was reached while writing {directory} "
            f"({disk_usage(directory).free / 2**30:.1f} GiB free): make room and run the same command again; "
            "it goes on from the last whole checkpoint"
        ) from error
