"""Runs that finished while the tracking store was away, brought to it."""

from rich.console import Console

from src.config.sync import SyncConfig
from src.tracking.store import open_existing
from src.tracking.sync import sync


def sync_runs(config: SyncConfig) -> None:
    """Complete what waits under tracking.root, and say what it was."""
    store = open_existing(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    brought = sync(store)
    for name in brought:
        Console().print(name, markup=False, soft_wrap=True)
    Console().print(f"{len(brought)} runs brought to the store")
