"""What a sweep says while it runs and at its end: a live view in a terminal, lines elsewhere, a note on its run."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from src.errors import OutOfReach
from src.points.point import Point
from src.sweeps.attempts import Attempt, Outcome, Result, Watcher
from src.sweeps.costs import Cost, seconds_left
from src.sweeps.view import AtWork, View
from src.tracking.progress import RUNNING_ONLY, PointState, point_states
from src.tracking.sweeps import Sweep

LOOK_SECONDS = 2.0  # between two looks at the store, in a terminal
NOTE_SECONDS = 30.0  # between two notes on the parent run


class Show(Watcher):
    """Watches a sweep; `with Show(…):` around its running. `costs`: what points took that were complete before."""

    def __init__(
        self, console: Console, name: str, study: str, parent: Sweep, reused: int, left: int, costs: Sequence[Cost]
    ) -> None:
        self._console = console
        self._name = name
        self._study = study
        self._parent = parent.at_once  # nothing that is shown is worth waiting for
        self._counts = Counter({Outcome.REUSED: reused})
        self._left = left
        self._ended = 0
        self._costs = list(costs)
        self._failed: list[tuple[str, str]] = []
        self._states: dict[str, PointState] = {}
        self._looked = self._noted = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Show":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def again(self, attempt: Attempt, reason: str, seconds: float) -> None:
        self._say(f"{attempt.point.name}: {reason}; again in {seconds:.0f} s")

    def ended(self, result: Result) -> None:
        self._ended += 1
        self._counts[result.outcome] += 1
        if result.outcome.good:
            self._costs.append((place_of(result.point), result.point.config.n_examples, result.seconds))
        else:
            self._failed.append((result.point.name, result.reason))
        seconds = f" in {result.seconds:.0f} s" if result.seconds else ""
        self._say(f"[{self._ended}/{self._left}] {result.point.name}: {result.outcome}{seconds}")

    def tick(self, running: Sequence[Attempt], waiting: Sequence[Attempt]) -> None:
        now = time.monotonic()
        if now - self._looked >= (LOOK_SECONDS if self._live else NOTE_SECONDS):
            self._looked = now
            self._look({attempt.point.key for attempt in running})
        note_is_due = now - self._noted >= NOTE_SECONDS or not (running or waiting)
        if not self._live and not note_is_due:
            return
        view = self._view(running, waiting)
        if self._live:
            self._live.update(view.render(), refresh=True)
        if note_is_due:
            self._noted = now
            with suppress(OutOfReach):
                self._parent.note(view.words())

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _look(self, keys: set[str]) -> None:
        """The steps and losses of the running points, from the store; nothing new where it does not answer."""
        with suppress(OutOfReach):
            self._states = {of.key: of for of in point_states(self._parent.store, self._study, keys, RUNNING_ONLY)}

    def _view(self, running: Sequence[Attempt], waiting: Sequence[Attempt]) -> View:
        now = time.time()
        at_work = []
        for attempt in running:
            state = self._states.get(attempt.point.key)
            since = now - (time.monotonic() - attempt.since)
            at_work.append(
                AtWork(attempt.point.name, since, state.step if state else None, state.loss if state else None)
            )
        left = seconds_left(
            [(place_of(a.point), a.point.config.n_examples, time.monotonic() - a.since) for a in running],
            [(place_of(a.point), a.point.config.n_examples) for a in waiting],
            self._costs,
            len(running),
        )
        counts = {str(outcome): self._counts[outcome] for outcome in Outcome}
        counts |= {"running": len(running), "waiting": len(waiting)}
        total = self._left + self._counts[Outcome.REUSED]
        return View(self._name, total, counts, at_work, self._failed, left if running or waiting else None, now)


def place_of(point: Point) -> tuple[str, ...]:
    """What points of like cost share."""
    config = point.config
    return config.model.label, config.benchmark.name, config.method.name, config.recipe.name


def show_results(console: Console, results: Sequence[Result]) -> None:
    """How many points ended how; and of each that is not complete, why."""
    count = Counter(result.outcome for result in results)
    table = Table()
    for outcome in Outcome:
        table.add_column(outcome, justify="right")
    table.add_row(*(str(count[outcome]) for outcome in Outcome))
    console.print(table)
    for result in sorted(results, key=lambda result: result.outcome):
        if not result.outcome.good:
            told = escape(f"{result.point.name}: {result.reason.removeprefix(f'{result.outcome}: ')}")
            console.print(f"[red]{result.outcome}[/red] {told}", highlight=False, soft_wrap=True)
            if result.log:
                console.print(f"    {result.log}", markup=False, highlight=False, soft_wrap=True)
