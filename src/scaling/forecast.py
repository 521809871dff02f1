"""What curves measured up to some n will give at a larger one, with intervals, all curves of a study helping each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Curve
from src.scaling.pooled import Points, Pooled, pool
from src.scaling.shapes import TRANSITION

DRAWS = 2000
LEAST_ERROR = 1e-3  # the error (1 − accuracy) of a curve that makes none, so that it has a logarithm


@dataclass(frozen=True)
class Forecast:
    """The metric expected at n (the median) and the intervals of a new measurement there."""

    n: int
    value: float
    interval_50: tuple[float, float]
    interval_90: tuple[float, float]


@dataclass(frozen=True)
class CurveForecast:
    """One curve's forecasts; none where nothing was measured within the budget. `notes` are sentences."""

    curve: str
    law: str
    parameters: dict[str, float]
    forecasts: tuple[Forecast, ...]
    notes: tuple[str, ...]


def forecast(
    curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0
) -> list[CurveForecast]:
    """Forecast each curve at the sizes `at` from its sizes up to `fit_up_to`; the rest of it is not looked at.

    The curves must be of one kind and are pooled: give those of one task, over models. Accuracies are forecast
    through their error, 1 − accuracy. The base model (n = 0) is left out: what it lacks is mostly the task's format.
    """
    usable = [curve for curve in curves if _within(curve, fit_up_to).any()]
    if not usable:
        return [nothing(curve.name) for curve in curves]
    pooled = pool(_points(usable, fit_up_to), TRANSITION)
    draws = pooled.draws(np.array(at, dtype=float), DRAWS, seed)
    by_name = {
        curve.name: _of_curve(curve, pooled, index, draws[:, index], at, fit_up_to)
        for index, curve in enumerate(usable)
    }
    return [by_name.get(curve.name) or nothing(curve.name) for curve in curves]


def _within(curve: Curve, fit_up_to: float) -> np.ndarray:
    return (curve.sizes >= 1) & (curve.sizes <= fit_up_to)


def nothing(name: str) -> CurveForecast:
    """The answer for a curve that has no point to forecast from."""
    return CurveForecast(name, "none", {}, (), ("nothing usable was measured at n ≥ 1 within the budget: no forecast",))


def _points(curves: Sequence[Curve], fit_up_to: float) -> Points:
    x, y, variance = [], [], []
    for curve in curves:
        within = _within(curve, fit_up_to)
        value = np.maximum(1 - curve.means, LEAST_ERROR) if curve.kind == "accuracy" else curve.means
        known = curve.standard_errors
        x.append(np.log(curve.sizes[within]))
        y.append(np.log(value[within]))
        variance.append(np.zeros(within.sum()) if known is None else (known[within] / value[within]) ** 2)
    return Points.of(x, y, variance)


def _of_curve(
    curve: Curve, pooled: Pooled, index: int, draws: np.ndarray, at: Sequence[int], fit_up_to: float
) -> CurveForecast:
    values = np.exp(draws)
    if curve.kind == "accuracy":
        values = np.clip(1 - values, 0, 1)
    ends = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    forecasts = tuple(
        Forecast(int(n), float(middle), (float(b), float(c)), (float(a), float(d)))
        for n, (a, b, middle, c, d) in zip(at, ends.T, strict=True)
    )
    names = [coordinate.name for coordinate in pooled.shape.coordinates]
    parameters = dict(zip(names, np.exp(pooled.theta[index]).tolist(), strict=True))
    return CurveForecast(curve.name, pooled.shape.name, parameters, forecasts, _notes(curve, fit_up_to))


def _notes(curve: Curve, fit_up_to: float) -> tuple[str, ...]:
    within = _within(curve, fit_up_to)
    sizes, means = curve.sizes[within], curve.means[within]
    notes = []
    if (curve.sizes == 0).any():
        notes.append("n=0 left out: what the base lacks is mostly the task's format")
    if len(sizes) < 4:
        notes.append(f"only {len(sizes)} sizes within the budget: the forecast rests on the other curves and the prior")
    if curve.seeds[within].max() < 2 and curve.standard_errors is None:
        notes.append("a single seed and no standard errors: the noise is taken from the scatter about the law")
    worse = means[-1] < means[0] if curve.kind == "accuracy" else means[-1] > means[0]
    if worse:
        notes.append(f"gets worse from n={sizes[0]:g} to {sizes[-1]:g}; the law describes improvement")
    return tuple(notes)
