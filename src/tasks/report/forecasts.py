"""The report's section on what more examples would give, and how many a target needs."""

import numpy as np

from src.report.page import Section
from src.report.table import Cell, Table, with_interval
from src.scaling.analysis import CurveAnalysis, LawAnalysis, StudyAnalysis

TIMES = (2, 4, 8)
TARGETS = (0.5, 0.8, 0.9)
# Beyond this many examples a target counts as out of reach.
MOST = 1e9


def forecast_section(analysis: StudyAnalysis) -> Section:
    curves = [a for a in analysis.curves if any(result.fit is not None for result in a.laws)]
    accuracies = [a for a in curves if a.curve.kind == "accuracy"]
    parts: list[str | Table] = [
        f"By the law that came closest to the held-out largest n of the curve; {analysis.confidence:.0%} intervals of "
        "a new measurement. A forecast is only as good as its law: compare the rival laws above.",
        Table(
            ["curve", "metric", "law", "largest n", *(f"at {times} × n" for times in TIMES)],
            [_forecast(a, best(a)) for a in curves],
        ),
    ]
    if accuracies:
        parts += [
            "Examples needed for an accuracy, with the interval of the fitted law:",
            Table(
                ["curve", "law", *(f"{target:.0%}" for target in TARGETS)],
                [
                    [a.curve.name, best(a).law.name, *(needed(best(a), t, analysis.confidence) for t in TARGETS)]
                    for a in accuracies
                ],
            ),
        ]
    return Section("Forecasts", parts)


def best(a: CurveAnalysis) -> LawAnalysis:
    """The fitted law with the smallest error at the held-out size; without one, that of the highest R²."""
    fitted = [result for result in a.laws if result.fit is not None]

    def rank(result: LawAnalysis) -> tuple[float, float]:
        assert result.fit is not None
        held = result.hold_out
        return (np.inf if held is None else abs(held.predicted - held.measured), -result.fit.r_squared)

    return min(fitted, key=rank)


def needed(result: LawAnalysis, target: float, confidence: float) -> str:
    """The n at which the law reaches an accuracy, with its interval, in words where it does not."""
    assert result.fit is not None
    n = np.geomspace(1, MOST, 2000)
    point = _first(n, result.fit.predict(n)[None] >= target)[0]
    shown = f"{point:,.0f}" if np.isfinite(point) else "not reachable under this law"
    if result.bootstrap is None:
        return shown
    sampled = _first(n, result.fit.quantity.to_metric(result.law.predict(n, result.bootstrap.parameters)) >= target)
    tail = (1 - confidence) / 2
    low, high = np.quantile(sampled, [tail, 1 - tail], method="nearest")
    return f"{shown} [{_count(low)}, {_count(high)}]"


def _count(n: float) -> str:
    return f"{n:,.0f}" if np.isfinite(n) else "never"


def _first(n: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """The smallest n at which each row is reached, infinite where none is; shape (rows,)."""
    return np.where(reached.any(axis=1), n[reached.argmax(axis=1)], np.inf)


def _forecast(a: CurveAnalysis, result: LawAnalysis) -> list[Cell]:
    assert result.fit is not None
    largest = result.fit.sizes[-1]
    n = largest * np.array(TIMES)
    values = result.fit.predict(n)
    ends = [(None, None)] * len(n) if result.bootstrap is None else result.bootstrap.forecast(n).T
    cells = [with_interval(float(f"{v:.3g}"), *_short(low, high)) for v, (low, high) in zip(values, ends, strict=True)]
    return [a.curve.name, a.curve.metric, result.law.name, int(largest), *cells]


def _short(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None, None) if low is None or high is None else (float(f"{low:.3g}"), float(f"{high:.3g}"))
