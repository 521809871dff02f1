"""A full disk, and a directory that may not be written to, told in a sentence whichever library met it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

from mlflow.exceptions import MlflowException

from src.errors import FathomError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL_IN_WORDS = ("disk is full", "disk I/O error", "No space left", "File too large", "Disk quota exceeded")
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
READ_ONLY_IN_WORDS = ("readonly database", "Read-only file system", "Permission denied")


@contextmanager
def storing(directory: Path) -> Iterator[None]:
    """Within, an error that means that nothing can be written to `directory` becomes a FathomError."""
    try:
        yield
    except FathomError:
        raise
    except Exception as error:
        # SQLite, torch and safetensors raise their own types, with the system's words in them.
        code = error.errno if isinstance(error, OSError) else None
        local = not isinstance(error, MlflowException) or "sqlite3" in str(error)  # else a server's answer
        if code in FULL or (local and any(words in str(error) for words in FULL_IN_WORDS)):
            raise FathomError(
                f"the disk is full or a limit was reached while writing {directory} ({_free(directory)} free): make "
                "room and run the same command again; it goes on from the last whole checkpoint"
            ) from error
        if code in READ_ONLY or (local and any(words in str(error) for words in READ_ONLY_IN_WORDS)):
            raise FathomError(
                f"{directory} cannot be written to (read-only, or not yours): set tracking.root to a directory that can"
            ) from error
        raise


def _free(directory: Path) -> str:
    there = next(place for place in (directory, *directory.parents) if place.exists())
    return f"{disk_usage(there).free / 2**30:.1f} GiB"
