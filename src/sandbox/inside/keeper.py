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
    # Until it is known whom to kill; the child begins with no signal blocked.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, setsid=True, setsigmask=[])

    def stop(*_: Any) -> None:
        with suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the number may be another process's by now
    with suppress(ChildProcessError):  # none is left: whose parent dies is a child of this one
        while True:
            for pid in descendants(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
