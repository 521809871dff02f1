"""Processes that this one starts: they end when it ends, with all that they started themselves."""

import ctypes
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have this process told to end when the one that started it is killed: it must not hold a device for nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def terminate(group: int) -> None:
    """SIGTERM to a process that leads a group of its own, and to what it started."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
