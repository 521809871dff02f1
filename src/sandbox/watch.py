"""What a process and its descendants are, and what they hold, from /proc."""

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int, at_most: int = 1000) -> list[int]:
    """The living descendants of `pid`, parents first, without those that die meanwhile; the search ends soon after
    `at_most`, since a fork bomb grows faster than it can be counted."""
    found = [pid]
    for parent in found:
        if len(found) > at_most:
            break
        try:
            threads = list(Path(f"/proc/{parent}/task").iterdir())
        except OSError:
            continue
        for thread in threads:
            found += [int(child) for child in _text(thread / "children").split()]
    return found[1:]


def resident_bytes(pids: list[int]) -> int:
    """The memory that these processes hold in RAM, pages that they share with each other left out."""
    total = 0
    for pid in pids:
        fields = _text(Path(f"/proc/{pid}/statm")).split()
        if fields:
            total += (int(fields[1]) - int(fields[2])) * _PAGE
    return total


def all_wait(pids: list[int]) -> bool:
    """Whether none of these processes computes, wants to or is at a disk: a busy machine keeps none of them."""
    return all(_state(pid) not in ("R", "D") for pid in pids)


def _state(pid: int) -> str:
    # After the name, which stands in brackets and may hold any.
    return _text(Path(f"/proc/{pid}/stat")).rpartition(") ")[2][:1]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
