"""The life of a run: claimed by its key, logged to, and ended as complete, failed or interrupted.

A key has one run in a study. Complete, it is the result, and claiming it again does nothing. Interrupted or failed, it
is taken up again in place: same run id, params not logged again.
"""

import json
import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import safetensors.numpy
from mlflow.entities import Dataset, DatasetInput, InputTag, Param
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from src.errors import FathomError, OutOfReach, Unsynced
from src.tracking import tags as tag
from src.tracking.outbox import Outbox
from src.tracking.ownership import (
    HEARTBEAT_SECONDS,
    complete_run,
    key_lock,
    new_owner,
    ownership,
    owns,
    remove_tag,
    runs_of_key,
    set_tags,
    take,
)
from src.tracking.params import flat_params
from src.tracking.provenance import provenance
from src.tracking.secrets import redact
from src.tracking.spool import BATCH, Spool, discard
from src.tracking.store import ITEMS, Store

# MLflow's limits.
PARAMS_PER_REQUEST = 100
DATASET_DIGEST_LENGTH = 36
LONGEST_TAG = 8000
LONGEST_SENTENCE = 1000

log = logging.getLogger(__name__)
logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)  # it announces its start and its end


class Run:
    """A claimed run. `claim` makes it; its methods write to MLflow."""

    def __init__(
        self, store: Store, run_id: str, found_by: dict[str, str], owner: str, *, already_complete: bool, resumed: bool
    ) -> None:
        self.id = run_id
        self.already_complete = already_complete
        """The result is there: log nothing, compute nothing."""
        self.resumed = resumed
        """An earlier attempt was interrupted or failed: go on from its last checkpoint, if there is one."""
        self.last_failure: str | None = None
        """The sentence of the attempt before, if it failed."""
        self.complete_now = already_complete
        self._store = store
        # What may happen without the store does not wait for it: it is on disk, and sent when the store answers.
        self._now = replace(store, client=store.at_once)
        self._outbox = Outbox(store.at_once, run_id, store.root / "spool")
        self._tables: list[dict[str, str]] = []
        if already_complete:  # what its process may have left, killed between its last writes
            self._outbox.discard()
            discard(run_id, store.root / "spool")
        self._found_by = found_by
        self._key = found_by["key"]
        self._owner = owner
        self._spool: Spool | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._system_metrics = SystemMetricsMonitor(run_id, tracking_uri=store.uri, resume_logging=resumed)
        self._keeper = threading.Thread(target=self._keep, name=f"fathom-run-{run_id[:8]}", daemon=True)

    # --- logging ---------------------------------------------------------------------------------------------------

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep metrics safe at once, and write them in batches in the background."""
        spool = self._open_spool()
        spool.add(metrics, step)
        if len(spool) >= BATCH:
            self._wake.set()

    def log_table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows with the same keys as the table artifact `<name>.json`; one that is there is replaced."""
        columns = list(rows[0]) if rows else []
        table = {"columns": columns, "data": [[row[column] for column in columns] for row in rows]}
        # MLflow's own log_table would append to the table of an interrupted attempt, and round numbers.
        self._outbox.put(f"{name}.json", json.dumps(table, ensure_ascii=False).encode())
        entry = {"path": f"{name}.json", "type": "table"}
        self._tables = [*(known for known in self._tables if known != entry), entry]
        self.set_tags({tag.TABLES: json.dumps(self._tables)})

    def log_items(self, items: Mapping[str, np.ndarray]) -> None:
        """By metric its value for each test item, shape (items,), as the artifact `items.safetensors`."""
        self._outbox.put(ITEMS, safetensors.numpy.save(dict(items)))

    def log_artifacts(self, directory: Path, to: str | None = None, *, final: bool = False) -> None:
        """Everything in a directory, below the artifact path `to`.

        `final`: none of its files is written again, so that a store on this machine takes links to them.
        """
        self._outbox.put_directory(directory, to, final)

    def log_file(self, file: Path, to: str) -> None:
        """One file, below the artifact path `to`."""
        self._outbox.put(f"{to}/{file.name}", file.read_bytes())

    def log_dict(self, values: Mapping[str, Any], path: str) -> None:
        """A mapping as the artifact `path` (.json), secrets blanked out."""
        self._outbox.put(path, redact(json.dumps(dict(values), indent=2)).encode())

    def log_dataset(self, name: str, digest: str, source: str, context: str, n_rows: int) -> None:
        """A dataset input; `context` says what for (`training`, `evaluation`).

        MLflow shows 36 characters of the digest; the whole of it is kept with the source.
        """
        dataset = Dataset(
            name=name,
            digest=digest[:DATASET_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": redact(source), "digest": digest}),
            profile=json.dumps({"num_rows": n_rows}),
        )
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]
        try:
            self._store.client.log_inputs(self.id, datasets=inputs)
        except MlflowException:
            # MLflow looks for the dataset and then inserts it; another run may have inserted it in between.
            self._store.client.log_inputs(self.id, datasets=inputs)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._outbox.put_tags(_checked_tags(tags))

    def complete(self, metrics: Mapping[str, float] | None = None) -> None:
        """Write `metrics` (step 0) and all that is still unsent, then, last of all, that the run is complete.

        Raises Unsynced where the store is away: nothing is lost, and the next claim of the key here completes the run.
        Raises FathomError, and leaves the run incomplete, if the store does not take the metrics or if another process
        has taken the run over.
        """
        self.log_metrics(metrics or {}, step=0)
        try:
            self._send_and_complete()
        except OutOfReach as error:
            self._outbox.finish(self._found_by)
            raise Unsynced(
                f"finished, unsynced: the tracking store {redact(self._store.uri)} does not answer, and the results "
                f"wait in {self._outbox.directory.parent}; src/sync.py or the same command brings them to the store"
            ) from error

    def _send_and_complete(self) -> None:
        self._outbox.send()
        self._send_all()
        if not owns(self._now, self.id, self._owner):
            raise FathomError(f"run {self.id} was taken over by another process while this one stood still")
        runs = runs_of_key(self._now, self._experiment(), self._key)
        if rival := complete_run(runs, self._key):
            raise FathomError(
                f"run {rival.info.run_id} completed key {self._key} first; run {self.id} is left incomplete"
            )
        for other in runs:  # of a host that went down before it could see that ours was first
            if other.info.run_id != self.id:
                self._now.client.delete_run(other.info.run_id)
        self._stop_keeper()
        set_tags(self._now, self.id, {tag.COMPLETE: "true"})
        self.complete_now = True
        self._outbox.discard()
        self._now.client.set_terminated(self.id, "FINISHED")

    def complete_if_finished(self) -> None:
        """Complete the run if an earlier attempt computed everything while the store was away. Raises as `complete`."""
        if self._outbox.finished:
            self.complete()
            self.close()
            self.already_complete = True

    # --- reading ---------------------------------------------------------------------------------------------------

    def metrics(self) -> dict[str, float]:
        """The last value of every metric that the store has."""
        return dict(self._store.client.get_run(self.id).data.metrics)

    # --- the ends of its life, for `claim` -------------------------------------------------------------------------

    def begin(self, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Bring params and tags up to date, send what an earlier attempt left, and start the heartbeat."""
        client = self._store.client
        known = client.get_run(self.id).data
        self._tables = json.loads(known.tags.get(tag.TABLES, "[]"))
        self.last_failure = known.tags.get(tag.FAILURE)
        if self.last_failure is not None:
            remove_tag(self._store, self.id, tag.FAILURE)
        # An attempt may have died half way through its params; those that are there may not be logged again.
        missing = [Param(name, value) for name, value in params.items() if name not in known.params]
        for start in range(0, len(missing), PARAMS_PER_REQUEST):
            client.log_batch(self.id, params=missing[start : start + PARAMS_PER_REQUEST])
        self.set_tags(tags)
        self._open_spool()
        self._keeper.start()
        self._system_metrics.start()

    def end(self, status: str, failure: str | None = None) -> None:
        """End as FAILED or KILLED, unless another process has taken the run over.

        A store that no longer answers is only warned of: the run stays resumable.
        """
        self._stop_keeper()
        try:
            self._open_spool().send()
            if not owns(self._now, self.id, self._owner):
                return
            if failure is not None:
                set_tags(self._now, self.id, _checked_tags({tag.FAILURE: failure}))
            self._now.client.set_terminated(self.id, status)
        except Exception as error:
            log.warning("run %s could not be marked %s: %s", self.id, status, one_line(error))

    def close(self) -> None:
        self._stop_keeper()
        if self._spool is not None:
            self._spool.close()

    def _open_spool(self) -> Spool:
        if self.already_complete:
            raise FathomError(f"run {self.id} is complete: nothing may be logged to it")
        if self._spool is None:
            self._spool = Spool(self._now.client, self.id, self._store.root / "spool")
        return self._spool

    def _experiment(self) -> str:
        return str(self._now.client.get_run(self.id).info.experiment_id)

    def _send_all(self) -> None:
        spool = self._open_spool()
        try:
            spool.send()
        except OutOfReach:
            raise
        except Exception as error:
            raise FathomError(
                f"{len(spool)} metric values could not be written to {redact(self._store.uri)} ({one_line(error)}); "
                f"they are kept in {spool.path}: run the same command again once the store answers"
            ) from error

    def _keep(self) -> None:
        """The background thread: metrics every few seconds, and the heartbeat that tells other hosts we are alive."""
        beat, warned = time.monotonic(), False
        while not self._stopping:
            self._wake.wait(min(self._store.flush_seconds, HEARTBEAT_SECONDS))
            self._wake.clear()
            try:
                self._open_spool().send()
                # Whoever has taken the run over has its name on it now, and keeps it.
                if time.monotonic() - beat >= HEARTBEAT_SECONDS and owns(self._now, self.id, self._owner):
                    set_tags(self._now, self.id, ownership(self._owner))
                    beat = time.monotonic()
            except Exception as error:
                if not warned:
                    log.warning("the tracking store does not answer, metrics wait on disk: %s", one_line(error))
                warned = True

    def _stop_keeper(self) -> None:
        self._system_metrics.finish()
        self._stopping = True
        self._wake.set()
        if self._keeper.is_alive():
            self._keeper.join()


@contextmanager
def claim(
    store: Store,
    *,
    key: str,
    kind: str,
    name: str,
    study: str,
    parent: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[Run]:
    """Work on the run of `key` in `study`, alone: `with claim(…) as run:` and, at its end, `run.complete(…)`.

    Waits while another process works on the key. Look at `run.already_complete` first, then at `run.resumed`. An
    exception ends the run as FAILED with its sentence as a tag; Ctrl-C and SIGTERM (which becomes SystemExit here) end
    it as KILLED; both are taken up again by the next claim. `parent` is a run id; `params` may be nested.
    """
    flat = flat_params(params or {})
    own_tags = {
        **provenance(),
        **_checked_tags(tags or {}),
        **({tag.PARENT: parent} if parent else {}),
        tag.KIND: kind,
        tag.KEY: key,
    }
    found_by = {"key": key, "kind": kind, "name": name, "study": study}
    experiment = store.experiment(study)
    owner = new_owner()
    with key_lock(store, key, name), _sigterm_as_exit():
        found, existed = take(store, experiment, key, name, owner, own_tags)
        run_id = found.info.run_id
        if found.data.tags.get(tag.COMPLETE) == "true":
            if found.info.status != "FINISHED":
                store.client.set_terminated(run_id, "FINISHED")  # it died between its last two writes
            yield Run(store, run_id, found_by, owner, already_complete=True, resumed=False)
            return
        run = Run(store, run_id, found_by, owner, already_complete=False, resumed=existed)
        run.complete_if_finished()
        if run.already_complete:
            yield run
            return
        try:
            run.begin(flat, own_tags)
            yield run
            if not run.complete_now:
                raise RuntimeError("the task ended without completing its run")
        except Unsynced:
            raise  # all is on disk
        except Exception as error:
            if not run.complete_now:
                run.end("FAILED", one_line(error))
            raise
        except BaseException:  # KeyboardInterrupt, SystemExit
            if not run.complete_now:
                run.end("KILLED")
            raise
        finally:
            run.close()


def one_line(error: BaseException) -> str:
    """An exception as one line without secrets: a FathomError's own words, others with their type."""
    words = " ".join(str(error).split())
    if not isinstance(error, FathomError):
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    words = redact(words)
    return words if len(words) <= LONGEST_SENTENCE else words[: LONGEST_SENTENCE - 1] + "…"


def _checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    for name, value in tags.items():
        if len(value) > LONGEST_TAG:
            raise FathomError(f"tag {name} is {len(value):,} characters long and MLflow keeps {LONGEST_TAG:,}")
    return {name: redact(value) for name, value in tags.items()}


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """SIGTERM as SystemExit(143) where it reaches Python code, so that runs end in order; once only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(signum: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + signum)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)
