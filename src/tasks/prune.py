"""Room under the tracking root: what nothing refers to any more, shown first and then removed."""

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from src.config.prune import PruneConfig
from src.tracking.leftovers import leftovers, remove
from src.tracking.store import open_existing

console = Console()


def prune(config: PruneConfig) -> None:
    store = open_existing(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    found = leftovers(store, config.days)
    table = Table("what", "why", "size")
    freed = 0
    for leftover in found:
        why = leftover.why
        if config.remove and not remove(store, leftover):
            why += "; in use, left"
        else:
            freed += leftover.size
        table.add_row(str(leftover.path.relative_to(store.root)), why, decimal(leftover.size))
    if found:
        console.print(table)
    done = "removed" if config.remove else "can go; src/prune.py remove=true takes it away"
    console.print(f"{store.root}: {decimal(freed)} {done}", soft_wrap=True)
