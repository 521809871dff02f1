"""What a pooled forecast says beyond a curve's largest size: leaning towards the straight line, less sure of itself.

No mixture of laws holds the truth of every study. Two things that hold over studies (`bench/tournament.py`) add to it:

- The straight line through a curve's last sizes errs in other ways than the laws do, so that between them lies a better
  forecast than either (combination of forecasts: Bates and Granger 1969; Clemen 1989).
- The curves of a study err together: all of them go on to fall faster, or slower, than their past tells. The error is
  a share of the change that is forecast, the same in ln n from 4 to 512 times the largest size.

In the latent value, with h = x − x_last the way beyond the last size, m(h) the median of the mixture's draws and
l(h) = m(0) + slope · h the line,

    c(h) = m(h) + w · h/(h + ln 2) · (l(h) − m(h)),      draw(h) = mixture's draw(h) + c(h) − m(h) + d · (c(h) − m(0)),

d normal with standard deviation `common`, one value for all curves of a draw. The line takes its weight over the first
doublings, so that there is no kink where the measurements end. w is `line`, less where noise leaves the line's slope
unknown beside what is unknown of the mixture's: line · u²/(u² + var(slope)), u = common · the mixture's slope.
"""

from dataclasses import dataclass

import numpy as np

from src.scaling.pooled import Observations

DOUBLING = np.log(2)


@dataclass(frozen=True)
class Hedge:
    """`line`: the line's weight far out; `common`: the standard deviation of a study's common error, as a share."""

    line: float
    common: float

    def beyond(
        self, drawn: np.ndarray, points: Observations, fitted: np.ndarray, x: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws of the latent value, shape (draws, curves, sizes), at x = ln n, (sizes,), hedged beyond the last sizes.

        `fitted` holds the medians of the mixture at the measured `points`, shape (curves, points).
        """
        last = points.measured.sum(1) - 1
        curves = np.arange(len(last))
        # The size at most half of the last; the first where there is none.
        before = np.maximum((points.x < points.x[curves, last][:, None] - 0.9 * DOUBLING).sum(1) - 1, 0)
        end = fitted[curves, last][:, None]
        ahead = np.maximum(x - points.x[curves, last][:, None], 0)
        seen = points.about(fitted)
        run = points.x[curves, last] - points.x[curves, before]
        run = np.where(run > 0, run, np.inf)  # one size draws no line
        slope = (seen.y[curves, last] - seen.y[curves, before]) / run
        unsure = (seen.variance[curves, last] + seen.variance[curves, before]) / run**2
        of_laws = self.common * (fitted[curves, last] - fitted[curves, before]) / run
        weight = self.line * np.where(
            unsure > 0, of_laws**2 / (of_laws**2 + np.where(unsure > 0, unsure, 1)), run < np.inf
        )

        middle = np.median(drawn, axis=0)
        line = end + slope[:, None] * ahead
        centre = middle + weight[:, None] * ahead / (ahead + DOUBLING) * (line - middle)
        common = self.common * rng.standard_normal((len(drawn), 1, 1))
        return drawn + (ahead > 0) * (centre - middle + common * (centre - end))
