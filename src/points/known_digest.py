"""The digests of a base's files, remembered: hashing the weights of a large model in every job takes minutes."""

import os
import time
from contextlib import suppress
from pathlib import Path

from src.tracking.identity import digest, file_digest

SETTLED_SECONDS = 10.0  # a file written later can be written again within the same tick of its file system's clock


def known_digest(path: Path, root: Path) -> str:
    """`file_digest(path)`, read from `root`/digests where the file of this place, size, time and inode is known."""
    before = path.stat()
    known = root / "digests" / digest([str(path.resolve()), *_version(before)])
    if known.exists():
        return known.read_text()
    found = file_digest(path)
    if _version(path.stat()) == _version(before) and time.time() - before.st_mtime > SETTLED_SECONDS:
        with suppress(OSError):  # a root that cannot be written to is told of by what keeps results there
            known.parent.mkdir(parents=True, exist_ok=True)
            unfinished = known.with_suffix(f".{os.getpid()}")
            unfinished.write_text(found)
            unfinished.replace(known)
    return found


def _version(of: os.stat_result) -> list[int]:
    return [of.st_size, of.st_mtime_ns, of.st_ino]
