"""The published forecaster that the benches hold ours against."""

import numpy as np

from src.scaling.curve import Curve


def accept_then_stop(curve: Curve, n: np.ndarray, least: int = 3, bound: float = 5.0) -> np.ndarray:
    """The loss at n, shape (sizes,), by a straight line in log-log (Lin et al. 2024, arXiv 2402.02314, algorithm 1).

    Sizes are taken in from the largest down, the first `least` in any case, until the next one lies more than `bound`
    standard deviations of the residuals off the line through those taken. Needs two sizes n ≥ 1 of a loss.
    """
    used = curve.between(1)
    x, y = np.log(used.sizes), np.log(used.means)
    taken = min(least, len(x))
    while taken < len(x):
        line = np.polyfit(x[-taken:], y[-taken:], 1)
        spread = (y[-taken:] - np.polyval(line, x[-taken:])).std()
        if abs(y[-taken - 1] - np.polyval(line, x[-taken - 1])) > bound * spread:
            break
        taken += 1
    return np.exp(np.polyval(np.polyfit(x[-taken:], y[-taken:], 1), np.log(n)))
