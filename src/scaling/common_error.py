"""What a pooled forecast adds beyond a curve's largest size: the error that a study's curves have in common.

No mixture of laws holds the truth of every study, and what it misses is no matter of one curve: all curves of a study
go on to fall faster, or slower, than their past tells. Over studies (`bench/tournament.py`) that error is a share of
the change that is forecast, much the same in ln n from 4 to 512 times the largest size. In the latent value, with m(x)
the median of the mixture's draws at x = ln n and m(0) that at the last size,

    draw(x) = mixture's draw(x) + d · (m(x) − m(0)),    x beyond the last size,

d normal with standard deviation `common`, one value for all curves of a draw. It starts at 0 where measurements end.
"""

import numpy as np

from src.scaling.pooled import Observations


def with_common_error(
    drawn: np.ndarray,
    points: Observations,
    fitted: np.ndarray,
    x: np.ndarray,
    common: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws of the latent value, shape (draws, curves, sizes), at x, (sizes,), with the common error beyond the sizes.

    `fitted` holds the medians of the mixture at the measured `points`, shape (curves, points).
    """
    last = points.measured.sum(1) - 1
    curves = np.arange(len(last))
    beyond = x > points.x[curves, last][:, None]
    change = np.median(drawn, axis=0) - fitted[curves, last][:, None]
    return drawn + common * rng.standard_normal((len(drawn), 1, 1)) * (beyond * change)
