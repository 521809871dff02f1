"""Metrics on their way to the store: written to a local file at once, sent in batches.

The file makes them outlive both a tracking server that dies and a process that is killed: what is in it when the run
is claimed again is sent then. A metric sent twice is stored once (same key, step, time and value).
"""

import json
import posixpath
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric

from src.errors import FathomError
from src.tracking.storage_errors import storing

# MLflow's limits for one request and for a name.
BATCH = 1000
_NAME = re.compile(r"[\w\-. /:]{1,250}")


class Spool:
    """The unsent metrics of one run, as JSON lines in a file. Safe to use from several threads."""

    def __init__(self, client: MlflowClient, run_id: str, directory: Path) -> None:
        self.path = _file(directory, run_id)
        self._client = client
        self._run_id = run_id
        with storing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._unsent = _read(self.path)
            # Unbuffered: what a full disk refused once is not tried again when the file is closed.
            self._file = self.path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def __len__(self) -> int:
        return len(self._unsent)

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep metrics for the next `send`. Raises FathomError for a name that MLflow refuses."""
        now = int(time.time() * 1000)
        for name in metrics:
            if not _NAME.fullmatch(name) or posixpath.normpath(name) != name or name.startswith(("/", "..")):
                raise FathomError(
                    f"metric {name!r} cannot be stored: a name is a relative path of letters, digits, spaces and "
                    "_ - . : of at most 250 characters"
                )
        new = [Metric(name, float(value), now, int(step)) for name, value in metrics.items()]
        # A line begins with its newline, so that it stands alone after one that was torn.
        lines = "".join("\n" + json.dumps([m.key, m.value, m.timestamp, m.step]) for m in new)
        with self._lock, storing(self.path.parent):
            left = lines.encode()
            while left:  # a disk that is almost full takes a part, and refuses the rest
                left = left[self._file.write(left) :]
            self._unsent += new

    def send(self) -> None:
        """Write everything to the store. What MLflow raises passes through; nothing is lost by it."""
        with self._sending:
            while batch := self._unsent[:BATCH]:
                self._client.log_batch(self._run_id, metrics=batch)
                with self._lock:
                    del self._unsent[: len(batch)]
            with self._lock:
                if not self._unsent:
                    self._file.truncate(0)

    def close(self) -> None:
        """Close the file, and remove it if everything was sent."""
        with self._lock:
            self._file.close()
            if not self._unsent:
                self.path.unlink(missing_ok=True)


def discard(run_id: str, directory: Path) -> None:
    """The run is complete: what an earlier process left of its metrics is in the store."""
    _file(directory, run_id).unlink(missing_ok=True)


def _file(directory: Path, run_id: str) -> Path:
    return directory / f"{run_id}.jsonl"


def _read(path: Path) -> list[Metric]:
    """What an earlier process left; a line torn by its end is dropped."""
    if not path.exists():
        return []
    metrics = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            key, value, timestamp, step = json.loads(line)
        except ValueError:
            continue
        metrics.append(Metric(key, value, timestamp, step))
    return metrics
