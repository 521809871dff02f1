"""What a report is made of: sections of text, tables, charts and matrices. `drawing/` shows them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Row = TypeVar("Row")
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """`rows` hold a cell for each heading. None and NaN are an en dash; columns of numbers are right-aligned."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Dot:
    """A measured value at n with its standard error, None where nothing tells it; `note` is shown on hovering."""

    n: float
    value: float
    stderr: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A fitted value at n > 0 and its interval, None where there is none."""

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

    `percent` shows values times 100; `log_x` and `log_y` are how it opens, the reader can switch both axes.
    `levels` are values at which a thin line is drawn across: chance, a bound, zero.
    Charts with the same `figure` are the panels of one figure for print, a file of that name.
    """

    title: str
    y_label: str
    series: Sequence[Series]
    x_label: str = "finetuning examples n"
    along: str = "n"
    figure: str = "figure"
    log_x: bool = True
    log_y: bool = False
    percent: bool = False
    levels: Sequence[float] = ()


@dataclass(frozen=True, eq=False)
class Heat:
    """`values` and `errors`, shape (rows, columns), in the unit shown; NaN where nothing was measured.

    `corner` names rows and columns: `trained on \\ evaluated on`. `figure` is the name of its file for print.
    """

    title: str
    figure: str
    corner: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in order: paragraphs (text), tables, matrices and charts."""

    title: str
    parts: Sequence[str | Table | Heat | Chart]


def joined(rows: Iterable[Row], name: Callable[[Row], str], dot: Callable[[Row], Dot]) -> list[Series]:
    """A series of joined dots for each name that rows have, with a dot for each of its rows."""
    dots: dict[str, list[Dot]] = {}
    for row in rows:
        dots.setdefault(name(row), []).append(dot(row))
    return [Series(of, its, joined=True) for of, its in dots.items()]


def told_apart(names: Sequence[str]) -> list[str]:
    """Curve names without the words that all of them share: what a legend needs. Different names stay different."""
    words = [name.split(" ") for name in names]
    shared = set.intersection(*map(set, words)) if len(names) > 1 else set()
    short = [" ".join(word for word in name if word not in shared) or " ".join(name) for name in words]
    return short if len(set(short)) == len(set(names)) else list(names)
