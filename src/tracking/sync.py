"""What waits on disk, brought to the store once it answers again."""

from collections.abc import Sequence

from src.tracking.outbox import finished_runs
from src.tracking.runs import claim
from src.tracking.store import Store


def sync(store: Store, keys: Sequence[str] | None = None) -> list[str]:
    """Complete every run (or those of `keys`) that finished on this root while the store was away; returns their names.

    Raises Unsynced as soon as the store is away again.
    """
    brought = []
    for found_by in finished_runs(store.root / "spool"):
        if keys is None or found_by["key"] in keys:
            key, kind, name, study = (found_by[part] for part in ("key", "kind", "name", "study"))
            with claim(store, key=key, kind=kind, name=name, study=study):  # which completes it
                brought.append(name)
    return brought
