"""What a run owes the store: artifacts, tags and its completion, on disk until the store has them.

They outlive a tracking server that is away, as metrics do in the spool: a point that ends meanwhile is finished and not
lost, and whoever claims its key again on this host sends what is left instead of computing it anew.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import RunTag

from src.errors import OutOfReach
from src.tracking.local_artifacts import artifact_directory, link
from src.tracking.storage_errors import storing

log = logging.getLogger(__name__)


@dataclass
class Owed:
    """Tags; and of a run for which nothing is left to compute the arguments of `claim` that find it again."""

    tags: dict[str, str] = field(default_factory=dict)
    finished: dict[str, str] | None = None


class Outbox:
    """The unsent artifacts and tags of one run, in the directory `<spool>/<run id>`."""

    def __init__(self, client: MlflowClient, run_id: str, spool: Path) -> None:
        self.directory = spool / run_id
        self._client = client
        self._run_id = run_id
        self._warned = False
        owed = self.directory / "owed.json"
        self._owed = Owed(**json.loads(owed.read_text())) if owed.exists() else Owed()

    @property
    def finished(self) -> bool:
        return self._owed.finished is not None

    def put(self, path: str, content: bytes) -> None:
        """An artifact."""
        file = self.directory / "files" / path
        with storing(self.directory):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.send_if_it_answers()

    def put_directory(self, directory: Path, to: str | None, final: bool) -> None:
        """Everything in a directory as artifacts below `to`; linked where its files are `final`: not written again."""
        try:
            self._send_directory(directory, to, final)
        except OutOfReach:
            with storing(self.directory):
                # Whoever made them may remove them before they are sent.
                waiting = self.directory / "files" / (to or "")
                link(directory, waiting) if final else shutil.copytree(directory, waiting, dirs_exist_ok=True)
            self._warn()

    def put_tags(self, tags: Mapping[str, str]) -> None:
        self._owed.tags |= tags
        self._write()
        self.send_if_it_answers()

    def finish(self, run: Mapping[str, str]) -> None:
        """Nothing is left to compute; `claim(**run)` finds this run again."""
        self._owed.finished = dict(run)
        self._write()

    def send_if_it_answers(self) -> None:
        try:
            self.send()
        except OutOfReach:
            self._warn()

    def send(self) -> None:
        """Write everything to the store. OutOfReach and what else is raised pass through; nothing is lost by it."""
        files = self.directory / "files"
        if files.exists():
            self._send_directory(files, None, final=True)
            shutil.rmtree(files)
        if self._owed.tags:
            tags = [RunTag(name, value) for name, value in self._owed.tags.items()]
            self._client.log_batch(self._run_id, tags=tags)
            self._owed.tags.clear()
            self._write()

    def discard(self) -> None:
        """The run is complete: nothing is owed."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _send_directory(self, directory: Path, to: str | None, final: bool) -> None:
        kept = artifact_directory(self._client, self._run_id) if final else None
        if kept is None:
            self._client.log_artifacts(self._run_id, str(directory), to)
            return
        with storing(kept):
            link(directory, kept / (to or ""))

    def _warn(self) -> None:
        if not self._warned:
            log.warning("the tracking store does not answer: results wait in %s", self.directory)
        self._warned = True

    def _write(self) -> None:
        with storing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            unfinished = self.directory / "owed.unfinished"
            unfinished.write_text(json.dumps(asdict(self._owed)))
            unfinished.replace(self.directory / "owed.json")


def finished_runs(spool: Path) -> list[dict[str, str]]:
    """Of each run that is finished and not complete in the store, the arguments of `claim` that find it again."""
    owed = [json.loads(file.read_text()) for file in sorted(spool.glob("*/owed.json"))]
    return [of["finished"] for of in owed if of["finished"]]
