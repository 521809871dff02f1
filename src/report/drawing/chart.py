"""What an interactive chart shows; `chart.js` draws it in the reader's browser."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Dot:
    """A measured value at n with its standard error, None where nothing tells it; `note` is shown on hovering."""

    n: float
    value: float
    stderr: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A fitted value at n and its interval, None where there is none."""

    n: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """Dots with or without a line through a fit, dashed beyond `measured_to`. Dots are joined where `joined`."""

    name: str
    dots: Sequence[Dot]
    line: Sequence[Step] = ()
    measured_to: float = math.inf
    joined: bool = False


@dataclass(frozen=True)
class Chart:
    """Series over n, or over what `along` names.

    `percent` shows values times 100; `log_y` is how it opens, the reader can switch both axes.
    Charts with the same `figure` are the panels of one figure for print, a file of that name.
    """

    title: str
    y_label: str
    series: Sequence[Series]
    x_label: str = "finetuning examples n"
    along: str = "n"
    figure: str = "figure"
    log_y: bool = False
    percent: bool = False
    levels: Sequence[float] = field(default=())
    """Values at which a thin line is drawn across: chance, a bound, zero."""

    def as_json(self) -> dict[str, Any]:
        """For `chart.js`; numbers rounded to six digits, since a screen shows no more."""
        return {
            "title": self.title, "x": self.x_label, "along": self.along, "y": self.y_label,
            "logY": self.log_y, "percent": self.percent,
            "levels": [_short(level) for level in self.levels],
            "series": [
                {
                    "name": series.name, "short": short, "joined": series.joined, "to": _short(series.measured_to),
                    "dots": [[_short(d.n), _short(d.value), _short(d.stderr), d.note] for d in series.dots],
                    "line": [[_short(s.n), _short(s.value), _short(s.low), _short(s.high)] for s in series.line],
                }
                for series, short in zip(self.series, told_apart([s.name for s in self.series]), strict=True)
            ],
        }  # fmt: skip


def told_apart(names: Sequence[str]) -> list[str]:
    """Curve names without the words that all of them share: what a legend needs."""
    words = [name.split(" ") for name in names]
    shared = set.intersection(*map(set, words)) if len(names) > 1 else set()
    return [" ".join(word for word in name if word not in shared) or " ".join(name) for name in words]


def _short(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity: None."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
