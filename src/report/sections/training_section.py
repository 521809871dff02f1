"""The report's section on how the points were trained, and the charts of it that stand beside a benchmark's curves."""

from collections.abc import Callable, Sequence

from src.report.parts import Cell, Chart, Dot, Section, Series, Table
from src.study.training import Training

COLUMNS: dict[str, Callable[[Training], Cell]] = {
    "optimiser steps": lambda row: _shown(row.optimizer_steps),
    "epochs": lambda row: _shown(row.epochs),
    "learning rate": lambda row: row.lr,
    "ended at the bound": lambda row: None if row.bound_hit is None else f"{row.bound_hit} of {row.points}",
    "validation examples": lambda row: _shown(row.val_examples),
}


def training_section(rows: Sequence[Training]) -> Section:
    told = {heading: cell for heading, cell in COLUMNS.items() if any(cell(row) is not None for row in rows)}
    return Section(
        "How the points were trained",
        [
            "Medians over the points of a curve at each n: optimiser steps and epochs behind the weights that were "
            "kept, the learning rate that they were trained with, and the labelled examples that validation took "
            "besides the n. Points that recipe.until.max_steps ended were still improving.",
            Table(
                ["curve", "n", "points", *told],
                [[row.curve, row.n, row.points, *(cell(row) for cell in told.values())] for row in rows],
            ),
        ],
    )


def training_charts(benchmark: str, curves: Sequence[str], rows: Sequence[Training]) -> list[Chart]:
    """Steps and epochs of these curves over n, if some were logged.

    A curve without any stays among the series, so that each has the colour that it has beside.
    """
    charts = []
    for label, value in (("optimiser steps", _steps), ("epochs", _epochs)):
        dots = {name: [_dot(row, value) for row in rows if row.curve == name and value(row)] for name in curves}
        if any(dots.values()):
            series = [Series(name, dots[name], joined=True) for name in curves]
            title, figure = f"{benchmark}: {label}", f"{benchmark}-training"
            charts.append(Chart(title, label, series, log_y=True, figure=figure))
    return charts


def _steps(row: Training) -> float | None:
    return row.optimizer_steps


def _epochs(row: Training) -> float | None:
    return row.epochs


def _dot(row: Training, value: Callable[[Training], float | None]) -> Dot:
    shown = _shown(value(row))
    assert shown is not None
    bound = f", {row.bound_hit} ended at the bound" if row.bound_hit else ""
    return Dot(row.n, shown, note=f"{row.points} point{'s' if row.points > 1 else ''}{bound}")


def _shown(value: float | None) -> float | None:
    """Whole from 100 on, where further digits would tell nothing."""
    return round(value) if value is not None and value >= 100 else value
