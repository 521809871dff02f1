"""What a pooled forecast adds beyond a curve's largest size: the errors that a study's curves have in common.

No mixture of laws holds the truth of every study, and what it misses is no matter of one curve: all curves of a study
go on to fall faster, or slower, than the laws tell. In the latent value, with m(x) the median of the mixture's draws at
x = ln n, h = x − x(0) the distance from the last size, m(0) the median there, and l(x) = m(0) + b·h the straight line
through the medians at the last two sizes (level where that leads away from the forecast),

    draw(x) = mixture's draw(x) + (f − 1) · (m(x) − m(0)) + min(w·h, 1) · (l(x) − m(x)),    h > 0,

f by how much faster or slower the curves go on than is forecast. It is their slope that goes astray, the more the
farther out: by u' = share · C · h', at each h' up to h, C a standard Cauchy variable, since studies differ much in how
far off they are. Where that is below 0, the slope is 1 + u' of the one that is forecast, and none from where it would
turn; above 0 it is e^u'. f is the mean of that over the way, with u = share · C · h:

    f = 1 + u/2 for u from −1 to 0,    −1/(2u) below,    (e^u − 1)/u above 0, TOP at most.

w is half-normal of scale `straight`: the farther out, the more a curve may bend less than the laws have it. C and w
have one value for all curves of a draw, and both errors start at 0 where measurements end. `bench/tournament.py` says
over studies what share and straight are.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import exprel

from src.scaling.pooled import Observations

TOP = 10.0  # in no case of bench/tournament.py does the median curve go on more than five times as fast


@dataclass(frozen=True)
class CommonError:
    """`share`: of the slope that is forecast; `straight`: of the way to the straight line; each for a unit of ln n."""

    share: float
    straight: float

    def added(
        self, drawn: np.ndarray, points: Observations, fitted: np.ndarray, x: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws of the latent value, shape (draws, curves, sizes), with these errors beyond the measured sizes.

        They are at x, (sizes,) or (curves, sizes). `fitted` holds the medians of the mixture at the measured `points`,
        shape (curves, points). A curve of one size has no line.
        """
        last = points.measured.sum(1) - 1
        curves = np.arange(len(last))
        end, before = points.x[curves, last], points.x[curves, last - (last > 0)]
        at_end = fitted[curves, last]
        slope = (at_end - fitted[curves, last - (last > 0)]) / np.where(last > 0, end - before, np.inf)
        middle = np.median(drawn, axis=0)
        far = np.maximum(x - end[:, None], 0)
        change = np.where(far > 0, middle - at_end[:, None], 0)
        straight_on = np.where(slope[:, None] * change > 0, slope[:, None] * far, 0)
        bend = np.where((last > 0)[:, None], straight_on - change, 0)
        faster = factor(self.share * rng.standard_cauchy((len(drawn), 1, 1)) * far)
        straight = np.minimum(self.straight * np.abs(rng.standard_normal((len(drawn), 1, 1))) * far, 1)
        return drawn + (faster - 1) * change + straight * bend


def factor(off: np.ndarray) -> np.ndarray:
    """f of u."""
    slower = np.where(off > -1, 1 + off / 2, -0.5 / np.minimum(off, -1))
    return np.where(off < 0, slower, np.minimum(exprel(np.clip(off, 0, 100)), TOP))
