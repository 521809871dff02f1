"""Runs that ended before all of their end was written, brought to it."""

from collections.abc import Sequence

from src.tracking import tags as tag
from src.tracking.outbox import finished_runs
from src.tracking.runs import claim
from src.tracking.store import Store
from src.tracking.sweeps import all_runs


def sync(store: Store, keys: Sequence[str] | None = None) -> list[str]:
    """Complete every run (or those of `keys`) that finished on this root while the store was away; returns their names.

    Raises Unsynced as soon as the store is away again.
    """
    brought = []
    for found_by in finished_runs(store.root / "spool"):
        if keys is None or found_by["key"] in keys:
            _claim_once_more(store, **found_by)
            brought.append(found_by["name"])
    return brought


def end_complete(store: Store, study: str) -> None:
    """End the complete runs of a study whose process was killed after that: RUNNING still, or with a spool here."""
    ended = f"tags.`{tag.COMPLETE}` = 'true' and attributes.status"
    unended = all_runs(store, study, f"{ended} != 'FINISHED'")
    if spooled := ", ".join(f"'{path.stem}'" for path in (store.root / "spool").glob("*")):
        unended += all_runs(store, study, f"{ended} = 'FINISHED' and attributes.run_id IN ({spooled})")
    for run in unended:
        _claim_once_more(store, run.data.tags[tag.KEY], run.data.tags[tag.KIND], run.info.run_name, study)


def _claim_once_more(store: Store, key: str, kind: str, name: str, study: str) -> None:
    with claim(store, key=key, kind=kind, name=name, study=study):
        pass  # nothing is left to compute, and claiming writes the rest
