"""How far a sweep is, as a terminal shows it and as words."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

MOST_ROWS = 12


@dataclass(frozen=True)
class AtWork:
    name: str
    since: float  # unix seconds
    step: int | None = None
    loss: float | None = None


@dataclass(frozen=True)
class View:
    """A moment of a sweep. `counts`: how many points are what; `failed`: names and reasons."""

    name: str
    total: int
    counts: dict[str, int]
    running: Sequence[AtWork] = ()
    failed: Sequence[tuple[str, str]] = ()
    seconds_left: float | None = None
    now: float = field(default_factory=time.time)

    @property
    def headline(self) -> str:
        said = [f"{count} {what}" for what, count in self.counts.items() if count]
        left = [f"about {duration(self.seconds_left)} left"] if self.seconds_left else []
        return f"{self.name}: {' · '.join([f'{self.total} points', *said, *left])}"

    def words(self) -> str:
        """One line, then one for each point at work and each that failed."""
        lines = [self.headline]
        lines += [f"running {of.name}, {_progress(of, self.now)}" for of in self.running]
        lines += [f"failed {name}: {why}" for name, why in self.failed]
        return "\n".join(lines)

    def render(self) -> RenderableType:
        ended = sum(count for what, count in self.counts.items() if what in ("complete", "reused", "resumed", "failed"))
        table = Table.grid(padding=(0, 2))
        for of in self.running[:MOST_ROWS]:
            table.add_row(Text("running", "cyan"), Text(of.name), Text(_progress(of, self.now)))
        if len(self.running) > MOST_ROWS:
            table.add_row("", Text(f"and {len(self.running) - MOST_ROWS} more"), "")
        for name, why in self.failed[-MOST_ROWS:]:
            table.add_row(Text("failed", "red"), Text(name), Text(why))
        bar = Table.grid()  # which ends its line
        bar.add_row(ProgressBar(total=max(1, self.total), completed=ended, width=60))
        return Group(Text(self.headline), bar, table)


def duration(seconds: float) -> str:
    """The two largest units: 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _progress(of: AtWork, now: float) -> str:
    step = [] if of.step is None else [f"step {of.step}"]
    loss = [] if of.loss is None else [f"loss {of.loss:.3f}"]
    return ", ".join([*step, *loss, duration(max(0.0, now - of.since))])
