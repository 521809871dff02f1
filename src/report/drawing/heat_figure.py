"""A matrix of gains and losses for print."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from src.report.drawing.heat import GAIN, LOSS, Heat, signed

COLOURS = LinearSegmentedColormap.from_list("gain", [tuple(LOSS / 255), "white", tuple(GAIN / 255)])
DARK = 0.6


def plot_heat(title: str, heat: Heat) -> Figure:
    """Coloured cells with the value and its standard error; blue gains, orange loses, white is no change."""
    rows, columns = heat.values.shape
    figure = Figure(figsize=(2.6 + 1.15 * columns, 1.5 + 0.62 * rows), dpi=160, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    largest = float(np.nanmax(np.abs(heat.values), initial=1e-12))
    axes.imshow(heat.values, cmap=COLOURS, vmin=-largest, vmax=largest, aspect="auto")
    for row, column in np.argwhere(np.isfinite(heat.values)):
        value, error = heat.values[row, column], heat.errors[row, column]
        ink = "white" if abs(value) > DARK * largest else "#222222"
        axes.text(column, row, f"{signed(value)}\n± {error:.1f}", ha="center", va="center", fontsize=8.5, color=ink)
    axes.set_xticks(range(columns), heat.columns, fontsize=9, rotation=20 if columns > 3 else 0, ha="center")
    axes.set_yticks(range(rows), heat.rows, fontsize=9)
    trained_on, _, evaluated_on = heat.corner.partition(" \\ ")
    axes.set_ylabel(trained_on)
    axes.set_xlabel(evaluated_on)
    axes.set_title(title, loc="left", fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    return figure
