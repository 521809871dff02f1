"""The forecast check: fit without the largest size, predict it, compare with what was measured."""

from dataclasses import dataclass

import numpy as np

from src.scaling.bootstrap import Bootstrap, bootstrap
from src.scaling.curve import Curve
from src.scaling.fit import Fit, fit_law, points_needed
from src.scaling.laws.law import Law


@dataclass(frozen=True, eq=False)
class HoldOut:
    """The largest size as forecast by a law fitted to the others, in the metric."""

    n: int
    fit: Fit
    bootstrap: Bootstrap
    predicted: float
    interval: tuple[float, float]
    measured: float

    @property
    def inside(self) -> bool:
        """Whether the measured mean lies in the interval."""
        return self.interval[0] <= self.measured <= self.interval[1]


def hold_out(curve: Curve, law: Law, replicates: int = 1000, confidence: float = 0.9, seed: int = 0) -> HoldOut | None:
    """Forecast the largest size from the smaller ones. None where those are too few for the law."""
    if int((curve.sizes >= law.smallest_n).sum()) - 1 < points_needed(law):
        return None
    largest = curve.sizes[-1]
    smaller = curve.between(0, curve.sizes[-2])
    fit = fit_law(smaller, law)
    sample = bootstrap(smaller, fit, replicates, confidence, seed)
    at = np.array([largest])
    low, high = sample.forecast(at)[:, 0]
    return HoldOut(
        n=int(largest),
        fit=fit,
        bootstrap=sample,
        predicted=float(fit.predict(at)[0]),
        interval=(float(low), float(high)),
        measured=float(curve.means[-1]),
    )
