"""A completions server of one's own: started for a directory of weights, and ended with the work that needs it."""

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from src.child_process import end_with_parent, terminate
from src.config.generation import Served
from src.errors import FathomError

POLL_SECONDS = 0.2
GRACE_SECONDS = 20.0  # from SIGTERM on, before it is killed
LAST_BREATH_SECONDS = 1.0
LAST_LINES = 12


@contextmanager
def started(settings: Served, weights: Path, dtype: str, log: Path) -> Iterator[str]:
    """The base URL of a server over `weights`, which computes in `dtype`; what it prints is in `log`.

    Raises FathomError, with the last lines of the log, where it cannot be started, is not there in time, or ends
    while it is needed. Its whole process group is ended at the end, whatever the end is.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.format(weights=weights, port=port, dtype=dtype) for word in shlex.split(settings.command)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        except OSError as error:
            raise FathomError(
                f"generation.command: {words[0]} cannot be started ({error.strerror}). vLLM lives in an environment of "
                "its own: name its program by path, or take generation=greedy (docs/generation.md)"
            ) from error
    try:
        _wait_until_well(process, f"http://127.0.0.1:{port}", settings.start_seconds, log)
        yield f"http://127.0.0.1:{port}/v1"
    except FathomError as error:
        with suppress(subprocess.TimeoutExpired):  # its connections break before it has ended
            process.wait(LAST_BREATH_SECONDS)
        if process.poll() is None:
            raise
        raise FathomError(_ended(process, log)) from error
    finally:
        _end(process)


def _wait_until_well(process: subprocess.Popen[bytes], url: str, seconds: float, log: Path) -> None:
    """Until the server says that it is well. vLLM and `transformers serve` do at /health."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise FathomError(_ended(process, log))
        with suppress(requests.RequestException):
            if requests.get(f"{url}/health", timeout=POLL_SECONDS * 10).ok:
                return
        time.sleep(POLL_SECONDS)
    raise FathomError(
        f"generation.start_seconds: the server did not say at {url}/health within {seconds:g} s that it is there; "
        f"its log ({log}) ends:\n{_last_lines(log)}"
    )


def _ended(process: subprocess.Popen[bytes], log: Path) -> str:
    status = process.returncode
    return f"generation.command: the server ended with status {status}; its log ({log}) ends:\n{_last_lines(log)}"


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    terminate(process.pid)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):  # what it started may outlive it
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
