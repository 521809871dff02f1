"""Intervals by resampling: seeds within each size, and test items across the whole curve."""

from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Curve
from src.scaling.fit import Fit
from src.scaling.solve import solve_many

METHOD = (
    "Percentile bootstrap. Test items are drawn with replacement once per replicate, the same for every size and seed, "
    "since they are the same test; seeds are drawn with replacement within each size, their deviations from the mean "
    "widened by √(S/(S−1)); a size with a single seed borrows the deviations of the others. Forecasts add the law's "
    "own residuals, widened for the fitted parameters, as the noise of a new measurement."
)


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Replicates of a fit: parameters, shape (replicates, parameters). `levels` says what was resampled."""

    fit: Fit
    parameters: np.ndarray
    confidence: float
    levels: tuple[str, ...]
    noise: np.ndarray
    note: str

    def parameter_intervals(self) -> np.ndarray:
        """Lower and upper end for each parameter, shape (parameters, 2)."""
        return self._interval(self.parameters).T

    def band(self, n: np.ndarray) -> np.ndarray:
        """The interval of the law's mean at n, in the metric, shape (2, sizes)."""
        return self._interval(self.fit.quantity.to_metric(self.fit.law.predict(n, self.parameters)), ordered=True)

    def forecast(self, n: np.ndarray) -> np.ndarray:
        """The interval of a new measurement at n, in the metric, shape (2, sizes)."""
        quantity = self.fit.quantity
        scaled = quantity.residual_scale(self.fit.law.predict(n, self.parameters)) + self.noise[:, None]
        return self._interval(quantity.to_metric(quantity.from_residual_scale(scaled)), ordered=True)

    def _interval(self, replicates: np.ndarray, ordered: bool = False) -> np.ndarray:
        tail = (1 - self.confidence) / 2
        ends = np.quantile(replicates, [tail, 1 - tail], axis=0)
        return np.sort(ends, axis=0) if ordered else ends


def no_interval(curve: Curve) -> str | None:
    """Why a curve can have no interval, or None where it can."""
    if curve.seeds.max() < 2 and not curve.has_items:
        return "no interval: a single seed and no per-item scores"
    return None


def bootstrap(
    curve: Curve, fit: Fit, replicates: int = 1000, confidence: float = 0.9, seed: int = 0
) -> Bootstrap | None:
    """Refit the law to resampled curves. None where there is nothing to resample; `no_interval` says why."""
    if no_interval(curve):
        return None
    rng = np.random.default_rng(seed)
    used = curve.between(fit.law.smallest_n)
    values = resampled_means(used, replicates, rng)
    targets = fit.quantity.residual_scale(fit.quantity.from_metric(values))
    parameters, objective = solve_many(
        fit.law, fit.quantity, fit.sizes, targets, fit.weights, np.tile(fit.parameters, (replicates, 1))
    )
    # A fit on a bound or in a bad valley may hold its replicates there: each is tried from the middle of the grid too.
    middle = np.median(fit.law.starts(float(fit.quantity.from_metric(used.means).max()) or 1.0), axis=0)
    other, other_objective = solve_many(
        fit.law, fit.quantity, fit.sizes, targets, fit.weights, np.tile(middle, (replicates, 1))
    )
    parameters = np.where((other_objective < objective)[:, None], other, parameters)
    freedom = max(1, len(fit.sizes) - len(fit.parameters))
    widened = fit.residuals * np.sqrt(len(fit.sizes) / freedom)
    noise = rng.choice(np.concatenate([widened, -widened]), size=replicates)
    levels = (("seeds",) if used.seeds.max() > 1 else ()) + (("items",) if used.has_items else ())
    missing = {"seeds": "a single seed: the interval leaves out the noise between seeds", "items": "no per-item scores"}
    note = "; ".join(text for level, text in missing.items() if level not in levels)
    return Bootstrap(fit, parameters, confidence, levels, noise, note)


def resampled_means(curve: Curve, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Seed means of resampled curves, shape (replicates, sizes)."""
    several = [v for v in curve.values if len(v) > 1]
    pool = np.concatenate([(v - v.mean()) * np.sqrt(len(v) / (len(v) - 1)) for v in several] or [np.zeros(1)])
    draws = None
    if curve.has_items:
        items = len(curve.measurements[0].items)  # type: ignore[arg-type]
        draws = rng.multinomial(items, np.full(items, 1 / items), size=replicates) / items
    columns = []
    for n, values in zip(curve.sizes, curve.values, strict=True):
        count = len(values)
        if count > 1:
            deviations = (values - values.mean()) * np.sqrt(count / (count - 1))
        else:
            deviations = pool if n > 0 else np.zeros(1)  # the base model has no training noise
        picked = rng.integers(len(deviations), size=(replicates, count))
        column = values.mean() + deviations[picked].mean(1)
        if draws is not None:
            scores = np.mean([p.items for p in curve.at(n)], axis=0)  # type: ignore[arg-type]
            column = column + draws @ (scores - scores.mean())
        columns.append(column)
    means = np.stack(columns, axis=1)
    return np.clip(means, 0, 1) if curve.kind == "accuracy" else np.maximum(means, 1e-3 * curve.means.min())
