"""Forecasts of the largest size of real finetuning curves from the smaller ones, ours beside simpler estimators.

    python bench/forecast.py

Data: 30 models finetuned on 200 to 1,638,400 FLAN examples (Lin et al. 2402.02314), in ../shared/data.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from src.scaling.accept_then_stop import accept_then_stop
from src.scaling.curve import Curve, Measurement
from src.scaling.forecast import forecast

FLAN = Path(__file__).parents[1] / "../shared/data/rectified_ft_law/flan.csv"
BUDGETS = (204_800, 25_600, 3_200)
Estimator = Callable[[list[Curve], int, int], np.ndarray]


def read_flan() -> list[Curve]:
    with FLAN.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Curve(
            row["config name"], "loss", "loss", tuple(Measurement(int(n), 0, float(row[n])) for n in row if n.isdigit())
        )
        for row in rows
    ]


def last_value(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([c.between(1, budget).means[-1] for c in curves])


def last_slope(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    """The straight line in log-log through the last two sizes."""
    return np.array([_line(*_logs(c, budget), 2, n) for c in curves])


def line_where_straight(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([accept_then_stop(c.between(1, budget), np.array([n]))[0] for c in curves])


def pooled(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([f.forecasts[0].value for f in forecast(curves, [n], budget)])


ESTIMATORS: dict[str, Estimator] = {
    "last value carried": last_value,
    "line through last two": last_slope,
    "accept then stop": line_where_straight,
    "pooled (ours)": pooled,
}


def _logs(curve: Curve, budget: int) -> tuple[np.ndarray, np.ndarray]:
    used = curve.between(1, budget)
    return np.log(used.sizes), np.log(used.means)


def _line(x: np.ndarray, y: np.ndarray, last: int, n: int) -> float:
    return float(np.exp(np.polyval(np.polyfit(x[-last:], y[-last:], 1), np.log(n))))


def coverage(curves: list[Curve], budget: int, n: int) -> tuple[float, float]:
    """The share of curves whose measured loss lies in the 50 % and in the 90 % interval."""
    measured = [c.means[-1] for c in curves]
    at = [f.forecasts[0] for f in forecast(curves, [n], budget)]
    halves = [f.interval_50[0] <= m <= f.interval_50[1] for f, m in zip(at, measured, strict=True)]
    nineties = [f.interval_90[0] <= m <= f.interval_90[1] for f, m in zip(at, measured, strict=True)]
    return float(np.mean(halves)), float(np.mean(nineties))


def flan_table() -> None:
    curves = read_flan()
    n = int(curves[0].sizes[-1])
    measured = np.array([c.means[-1] for c in curves])
    print(f"FLAN, {len(curves)} models: RMSLE / Pearson at n = {n:,}, fitted up to")
    print(f"{'':24}" + "".join(f"{budget:>18,}" for budget in BUDGETS))
    for name, estimate in ESTIMATORS.items():
        cells = []
        for budget in BUDGETS:
            predicted = estimate(curves, budget, n)
            error = np.sqrt(np.mean(np.log(predicted / measured) ** 2))
            cells.append(f"{error:.4f} / {np.corrcoef(predicted, measured)[0, 1]:.3f}")
        print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    shares = [coverage(curves, budget, n) for budget in BUDGETS]
    print(f"{'  coverage 50 / 90 %':24}" + "".join(f"{a:>9.0%} / {b:>6.0%}" for a, b in shares))


if __name__ == "__main__":
    flan_table()
