"""What a pooled forecast adds beyond a curve's largest size: the errors that a study's curves have in common.

No mixture of laws holds the truth of every study, and what it misses is no matter of one curve: all curves of a study
go on to fall faster, or slower, than the laws tell. In the latent value, with m(x) the median of the mixture's draws at
x = ln n, h = x − x(0) the distance from the last size, m(0) the median there, and l(x) = m(0) + b·h the straight line
through the medians at the last two sizes (level where that leads away from the forecast),

    draw(x) = mixture's draw(x) + d · (m(x) − m(0)) + min(w·h, 1) · (l(x) − m(x)),    h > 0,

with one value of d and of w for all curves of a draw. d is Cauchy of scale `share`, within ±1: the change may turn out
nothing, or twice what is forecast, and studies differ much in how far off it is. w is half-normal of scale `straight`:
the farther out, the more a curve may bend less than the laws have it. Both start at 0 where measurements end.
`bench/tournament.py` chooses the two scales over studies.
"""

from dataclasses import dataclass

import numpy as np

from src.scaling.pooled import Observations


@dataclass(frozen=True)
class CommonError:
    """`share`: of the change that is forecast; `straight`: of the way to the straight line, for each unit of ln n."""

    share: float
    straight: float

    def added(
        self, drawn: np.ndarray, points: Observations, fitted: np.ndarray, x: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws of the latent value, shape (draws, curves, sizes), at x, (sizes,), with these errors beyond the sizes.

        `fitted` holds the medians of the mixture at the measured `points`, shape (curves, points). A curve of one size
        has no line.
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
        share = np.clip(self.share * rng.standard_cauchy((len(drawn), 1, 1)), -1, 1)
        straight = np.minimum(self.straight * np.abs(rng.standard_normal((len(drawn), 1, 1))) * far, 1)
        return drawn + share * change + straight * bend
