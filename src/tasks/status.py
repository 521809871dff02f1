"""How far the newest sweep of a study is, told from the store alone: it may run in another shell, or have ended."""

import time
from collections import Counter

from rich.console import Console
from rich.live import Live

from src.config.status import StatusConfig
from src.sweeps.costs import seconds_left
from src.sweeps.view import AtWork, View
from src.tracking.progress import point_states
from src.tracking.store import Store, open_existing
from src.tracking.sweeps import newest_sweep

KINDS = ("complete", "failed", "interrupted", "running")


def status(config: StatusConfig) -> None:
    """Print how far it is; with `watch_seconds` until it has ended."""
    tracking = config.tracking
    store = open_existing(tracking.uri, tracking.root, tracking.flush_seconds, tracking.patience_seconds)
    console = Console()
    view, running = look(store, config.study)
    if config.watch_seconds and console.is_terminal:
        with Live(view.render(), console=console, auto_refresh=False) as live:
            while running:
                time.sleep(config.watch_seconds)
                view, running = look(store, config.study)
                live.update(view.render(), refresh=True)
        return
    while True:
        console.print(view.words(), markup=False, highlight=False, soft_wrap=True)
        if not (config.watch_seconds and running):
            return
        time.sleep(config.watch_seconds)
        view, running = look(store, config.study)


def look(store: Store, study: str) -> tuple[View, bool]:
    """The newest sweep as the store has it now, and whether it runs."""
    sweep, planned = newest_sweep(store, study)
    states = {of.key: of for of in point_states(store, study, planned)}
    at_work = [of for of in states.values() if of.status == "running"]
    count = Counter(of.status for of in states.values())
    waiting = [(of.place, of.n_examples) for key, of in planned.items() if key not in states]
    again = [(of.place, of.n_examples) for of in states.values() if of.status == "interrupted"]
    running = sweep.info.status == "RUNNING"
    # Without a point at work it was cut off, or is between two of them.
    state = sweep.info.status.lower() if at_work or not running else "no point at work"
    now = time.time()
    left = seconds_left(
        [(of.place, of.n_examples, now - of.since) for of in at_work],
        [*waiting, *again],
        [(of.place, of.n_examples, of.seconds) for of in states.values() if of.status == "complete"],
        len(at_work),
    )
    view = View(
        f"{sweep.info.run_name} ({state})",
        len(planned),
        {kind: count[kind] for kind in KINDS} | {"waiting": len(waiting)},
        [AtWork(of.name, of.since, of.step, of.loss) for of in at_work],
        [(of.name, of.failure or "it says no reason") for of in states.values() if of.status == "failed"],
        left if running else None,
        now,
    )
    return view, running
