"""For the sandbox without namespaces: starts a process and, when that ends or on SIGTERM, kills all it left behind.

Usage: keeper.py ROOT COMMAND…. As the nearest subreaper it is the parent of every orphan among its descendants, so that
a daemon which left the process group and the session is still found.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import Any

from src.sandbox.watch import descendants

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> None:
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setsid=True)
    stopped = False

    def stop(*_: Any) -> None:
        nonlocal stopped
        stopped = True
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    _, status = os.waitpid(child, 0)
    while left := descendants(os.getpid()):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
