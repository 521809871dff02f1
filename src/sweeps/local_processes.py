"""Processes for the jobs of a sweep: each its own, yet without paying for the imports each time.

Importing torch, Lightning and transformers takes longer than training a tiny point. A fork server imports them once,
computes nothing (so it has no threads and no device to break in a fork), and every job is forked from it fresh.
"""

import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# A launcher's or a rank's variables would make Lightning believe that it is inside a job already.
STRIPPED = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PR_SET_PDEATHSIG = 1

_context = multiprocessing.get_context("forkserver")
# MLflow imports its SQL store at the first request, which would be in every job: a second of each.
_context.set_forkserver_preload(["src.tasks.finetune", "mlflow.store.tracking.sqlalchemy_store"])

JobProcess = multiprocessing.context.ForkServerProcess


def start(script: Path, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> JobProcess:
    """`python script arguments…` with its output in `log`, in a session of its own."""
    process = _context.Process(target=_run, args=(script, list(arguments), dict(environment), log))
    process.start()
    return process


def stop(process: JobProcess) -> None:
    """SIGTERM to the job and to the ranks that it started."""
    if process.pid is not None and process.is_alive():
        os.killpg(process.pid, signal.SIGTERM)


def _run(script: Path, arguments: list[str], environment: dict[str, str], log: Path) -> None:
    os.setsid()
    if sys.platform == "linux":
        # When the sweep is killed outright the fork server ends, and its jobs must not hold a device for nobody.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    for name in STRIPPED:
        os.environ.pop(name, None)
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
