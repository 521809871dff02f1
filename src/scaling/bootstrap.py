"""Intervals by resampling: a law fitted again to curves that other training sets and test items would give."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from src.scaling.curve import Curve
from src.scaling.fit import Fit
from src.scaling.levenberg_marquardt import solve_many

METHOD = (
    "Percentile bootstrap. Each replicate adds noise to the means: of the seeds, independent over sizes, with the "
    "variance between them (per size and pooled over the curve, as a share of a loss, on the logit scale of an "
    "accuracy) and scaled by √(ν/χ²) for what few seeds leave unknown of it; of the test items, the same draw for "
    "every size, seed and curve, since they are the same test; where no per-item scores are kept, the stated standard "
    "errors in their place, size by size. The scatter about the law beyond that noise is added for what the law "
    "misses, where that is more than twice the noise, and with one seed for what other training sets would change. "
    "Forecasts add the law's own residuals, widened for the fitted parameters, as the noise of a new measurement."
)


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Replicates of a fit: parameters, shape (replicates, parameters). `note` says what the intervals leave out."""

    fit: Fit
    parameters: np.ndarray
    confidence: float
    noise: np.ndarray
    note: str

    def parameter_intervals(self) -> np.ndarray:
        """Lower and upper end for each parameter, shape (parameters, 2)."""
        return self._interval(self.parameters).T

    def band(self, n: np.ndarray) -> np.ndarray:
        """The interval of the law's mean at n, in the metric, shape (2, sizes)."""
        return self._interval(self.fit.quantity.to_metric(self.fit.law.predict(n, self.parameters)))

    def forecast(self, n: np.ndarray) -> np.ndarray:
        """The interval of a new measurement at n, in the metric, shape (2, sizes)."""
        quantity = self.fit.quantity
        scaled = quantity.residual_scale(self.fit.law.predict(n, self.parameters)) + self.noise[:, None]
        return self._interval(quantity.to_metric(quantity.from_residual_scale(scaled)))

    def _interval(self, replicates: np.ndarray) -> np.ndarray:
        tail = (1 - self.confidence) / 2
        # Unbiased at any number of replicates.
        return np.quantile(replicates, [tail, 1 - tail], axis=0, method="weibull")


def bootstrap(curve: Curve, fit: Fit, replicates: int = 1000, confidence: float = 0.9, seed: int = 0) -> Bootstrap:
    """Refit the law to resampled curves."""
    used = curve.between(fit.law.smallest_n)
    rng = np.random.default_rng([seed, crc32(f"law of {curve.name}".encode())])  # curves are independent
    freedom = len(fit.sizes) - len(fit.parameters)
    values = resampled_means(used, replicates, seed)
    targets = fit.quantity.residual_scale(fit.quantity.from_metric(values))
    if fit.misses or not used.noise.knows_seeds:
        # What the law misses is as unknown at other sizes as at these. What scatter a law that holds has by chance is
        # noise, and counting it again would make intervals too wide.
        misfit = np.sqrt(fit.scatter * freedom / rng.chisquare(freedom, size=(replicates, 1)))
        targets = targets + misfit * rng.standard_normal(targets.shape)
    # A fit on a bound or in a bad valley may hold its replicates there: each is tried from the middle of the grid too.
    middle = np.median(fit.law.starts(float(fit.quantity.from_metric(used.means).max()) or 1.0), axis=0)
    starts = (np.tile(start, (replicates, 1)) for start in (fit.parameters, middle))
    (near, objective), (other, other_objective) = (
        solve_many(fit.law, fit.quantity, fit.sizes, targets, fit.weights, start) for start in starts
    )
    parameters = np.where((other_objective < objective)[:, None], other, near)
    widened = fit.residuals * np.sqrt(len(fit.sizes) / freedom)
    noise = rng.choice(np.concatenate([widened, -widened]), size=replicates)
    return Bootstrap(fit, parameters, confidence, noise, used.noise.note)


def resampled_means(curve: Curve, replicates: int, seed: int) -> np.ndarray:
    """Seed means of resampled curves, shape (replicates, sizes), within what the metric can be."""
    means = curve.means + curve.noise.draws(replicates, seed, curve.name)
    return np.clip(means, 0, 1) if curve.kind == "accuracy" else np.maximum(means, 1e-3 * curve.means.min())
