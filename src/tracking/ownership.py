"""Which process works on a key: at most one, on one host by a file lock, across hosts by owner and heartbeat tags."""

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout
from mlflow.entities import Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.store import CLOCKS_SECONDS, Store

HEARTBEAT_SECONDS = 30.0
# An owner on another host is dead when its heartbeat has not changed for this long before our eyes; or for the time of
# two heartbeats, where it is older than this by our clock.
DEAD_AFTER_SECONDS = 120.0
STILL_SECONDS = 60.0
# Longer than a read and a write of the tracking server take: what rivals wrote meanwhile is visible then.
SETTLE_SECONDS = 2.0
POLL_SECONDS = 5.0

log = logging.getLogger(__name__)


@contextmanager
def key_lock(store: Store, key: str, name: str) -> Iterator[None]:
    """Hold a key on this host. Waits for whoever holds it; a process that dies lets go."""
    store.locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store.locks / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process on this machine is at work on it; waiting for it to end", name)
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()


def new_owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"


def ownership(owner: str) -> dict[str, str]:
    """The tags that say that `owner` is alive now."""
    return {tag.OWNER: owner, tag.HEARTBEAT: f"{time.time():.0f}"}


def runs_of_key(store: Store, experiment: str, key: str) -> list[Run]:
    """All runs of a key in an experiment, the first one made first. More than a thousand are not expected."""
    runs = store.client.search_runs([experiment], filter_string=f"tags.`{tag.KEY}` = '{key}'", max_results=1000)
    return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))


def complete_run(runs: list[Run], key: str) -> Run | None:
    """The finished run among the runs of a key. Raises FathomError if there is more than one."""
    complete = [run for run in runs if run.data.tags.get(tag.COMPLETE) == "true"]
    if len(complete) > 1:
        ids = " and ".join(run.info.run_id for run in complete)
        raise FathomError(
            f"key {key} has more than one complete run ({ids}): delete all but one "
            "(mlflow runs delete --run-id …) and run the command again"
        )
    return complete[0] if complete else None


def take(
    store: Store, experiment: str, key: str, name: str, owner: str, new_tags: Mapping[str, str]
) -> tuple[Run, bool]:
    """The run of a key, and whether it was there before: its complete run, or the one that `owner` now owns.

    Call it with the key's lock held. `new_tags` go on a run that has to be made. Waits while a live owner on another
    host is at work.
    """
    said, others = False, _Others(name)
    while True:
        looked = time.monotonic()
        runs = runs_of_key(store, experiment, key)
        if complete := complete_run(runs, key):
            return complete, True
        if any(others.alive(run) for run in runs):
            if not said:
                log.warning("%s: another machine is at work on it; waiting for it to end", name)
                said = True
            time.sleep(POLL_SECONDS)
            continue
        if runs:
            run, existed = runs[0], True
            # In this order: who sees our name on the run also sees it running.
            store.client.update_run(run.info.run_id, status="RUNNING")
            set_tags(store, run.info.run_id, ownership(owner))
        else:
            run, existed = make_run(store, experiment, key, name, owner, {**new_tags, **ownership(owner)}), False
        # A run that was long in the making may have come too late for a rival to see, who is at work now.
        in_time = existed or time.monotonic() - looked < SETTLE_SECONDS
        if store.database is not None or (
            in_time and _prevails(store, experiment, key, run.info.run_id, owner, others)
        ):
            return run, existed
        if not existed:
            store.client.delete_run(run.info.run_id)


def make_run(store: Store, experiment: str, key: str, name: str, owner: str, tags: Mapping[str, str]) -> Run:
    """A new run of a key, one however often it was asked for.

    Where the store's answer is lost on its way, it is asked again, and the run of the first time is there already.
    """
    store.client.create_run(experiment, run_name=name, tags={**tags, tag.KEY: key, tag.OWNER: owner})
    made = [run for run in runs_of_key(store, experiment, key) if run.data.tags.get(tag.OWNER) == owner]
    for again in made[1:]:
        store.client.delete_run(again.info.run_id)
    return made[0]


def owns(store: Store, run_id: str, owner: str) -> bool:
    return store.client.get_run(run_id).data.tags.get(tag.OWNER) == owner


class _Others:
    """Owners on other hosts, watched while we wait for them: clocks alone do not tell who is alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        # By run its heartbeat, when we first saw that, and when last.
        self._beats: dict[str, tuple[str, float, float]] = {}
        self._told: set[str] = set()

    def alive(self, run: Run) -> bool:
        """Whether an owner on another host is at work. One on this host is dead: we hold the lock it would hold."""
        host, _, _ = run.data.tags.get(tag.OWNER, "").partition(":")
        if run.info.status != "RUNNING" or host == socket.gethostname():
            return False
        beat, now = run.data.tags.get(tag.HEARTBEAT, "0"), time.monotonic()
        age = time.time() - float(beat)
        seen, since, looked = self._beats.get(run.info.run_id, (beat, now, now))
        away = now - looked > HEARTBEAT_SECONDS  # the store was: nobody could write
        if (seen != beat and not away) or age < 0:
            self._say_of_clocks(host, age)  # it was written just now, or in what is our future
        if seen != beat or away:
            since = now
        self._beats[run.info.run_id] = beat, since, now
        return now - since < (STILL_SECONDS if age > DEAD_AFTER_SECONDS else DEAD_AFTER_SECONDS)

    def _say_of_clocks(self, host: str, behind: float) -> None:
        if abs(behind) > CLOCKS_SECONDS and host not in self._told:
            self._told.add(host)
            log.warning(
                "%s: the clock of %s is %.0f s %s the one of this machine: set both by a time server",
                *(self._name, host, abs(behind), "behind" if behind > 0 else "ahead of"),
            )


def _prevails(store: Store, experiment: str, key: str, run_id: str, owner: str, others: _Others) -> bool:
    """Whether, once all rivals' writes are visible, `owner` owns the first of the runs that are alive."""
    time.sleep(SETTLE_SECONDS)
    alive = [
        run
        for run in runs_of_key(store, experiment, key)
        if run.info.run_id == run_id or others.alive(run) or run.data.tags.get(tag.COMPLETE) == "true"
    ]
    return alive[0].info.run_id == run_id and alive[0].data.tags.get(tag.OWNER) == owner


def set_tags(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    store.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def remove_tag(store: Store, run_id: str, name: str) -> None:
    """No error where it is gone: another process was quicker, or the answer to the first request was lost."""
    try:
        store.client.delete_tag(run_id, name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
