"""Intervals by resampling: seeds, test items across the whole curve, or the standard errors given with its points."""

from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Curve
from src.scaling.fit import Fit
from src.scaling.levenberg_marquardt import solve_many

METHOD = (
    "Percentile bootstrap. Test items are drawn with replacement once per replicate, the same for every size and seed, "
    "since they are the same test. Seeds' deviations from their size's mean, for losses as a share of it, are pooled "
    "over the sizes above 0 and drawn with replacement; each replicate scales them by √(ν/χ²), ν their degrees of "
    "freedom, for what so few seeds leave unknown of the noise. A curve with neither draws normal noise with the "
    "standard errors given for its points. Forecasts add the law's own residuals, widened for the fitted parameters, "
    "as the noise of a new measurement."
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
        ends = np.quantile(
            replicates, [tail, 1 - tail], axis=0, method="weibull"
        )  # unbiased at any number of replicates
        return np.sort(ends, axis=0) if ordered else ends


def no_interval(curve: Curve) -> str | None:
    """Why a curve can have no interval, or None where it can."""
    if curve.standard_errors is None:
        return "no interval: a single seed, no per-item scores and no standard errors"
    return None


def bootstrap(
    curve: Curve, fit: Fit, replicates: int = 1000, confidence: float = 0.9, seed: int = 0
) -> Bootstrap | None:
    """Refit the law to resampled curves. None where there is nothing to resample; `no_interval` says why."""
    used = curve.between(fit.law.smallest_n)
    if no_interval(used):
        return None
    rng = np.random.default_rng(seed)
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
    levels, note = _levels(used)
    return Bootstrap(fit, parameters, confidence, levels, noise, note)


def resampled_means(curve: Curve, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Seed means of resampled curves, shape (replicates, sizes)."""
    means = np.tile(curve.means, (replicates, 1))
    if _has_seeds(curve):
        means += _seed_noise(curve, replicates, rng)
    if curve.has_items:
        means += _item_noise(curve, replicates, rng)
    elif not _has_seeds(curve) and curve.standard_errors is not None:
        means += curve.standard_errors * rng.standard_normal(means.shape)
    return np.clip(means, 0, 1) if curve.kind == "accuracy" else np.maximum(means, 1e-3 * curve.means.min())


def _has_seeds(curve: Curve) -> bool:
    return bool((curve.seeds > 1)[curve.sizes > 0].any())


def _levels(curve: Curve) -> tuple[tuple[str, ...], str]:
    """What is resampled, and what the interval leaves out or rests on."""
    seeds, items = _has_seeds(curve), curve.has_items
    if not seeds and not items:
        return ("stderr",), "a single seed: the interval holds the noise of the standard errors given, drawn as normal"
    levels = (("seeds",) if seeds else ()) + (("items",) if items else ())
    missing = {"seeds": "a single seed: the interval leaves out the noise between seeds", "items": "no per-item scores"}
    return levels, "; ".join(text for level, text in missing.items() if level not in levels)


def _seed_noise(curve: Curve, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of the seed means, shape (replicates, sizes): relative to the mean for losses, none of the base model."""
    scale = np.where(curve.sizes > 0, curve.means if curve.kind == "loss" else 1.0, 0.0)
    several = [k for k in range(len(scale)) if curve.seeds[k] > 1 and scale[k] > 0]
    # A size's deviations are too small by (S − 1)/S in variance, as they are from the mean of the same S.
    pool = np.concatenate(
        [(curve.values[k] - curve.means[k]) / scale[k] * np.sqrt(1 + 1 / (curve.seeds[k] - 1)) for k in several]
    )
    freedom = int(curve.seeds[several].sum()) - len(several)
    spread = np.sqrt(freedom / rng.chisquare(freedom, size=replicates))
    drawn = [rng.choice(pool, size=(replicates, count)).mean(1) for count in curve.seeds]
    return spread[:, None] * np.stack(drawn, axis=1) * scale


def _item_noise(curve: Curve, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Noise by the choice of test items, shape (replicates, sizes), shared by all sizes."""
    scores = np.stack([np.mean([p.items for p in curve.at(n)], axis=0) for n in curve.sizes])  # type: ignore[arg-type]
    items = scores.shape[1]
    shares = rng.multinomial(items, np.full(items, 1 / items), size=replicates) / items
    return shares @ (scores - scores.mean(axis=1, keepdims=True)).T
