"""Laws that are finite at n = 0 or reach half of what data can do at some n."""

import numpy as np

from src.scaling.laws.law import Exponent, Law, Parameter

RECTIFIED = Law(
    name="rectified",
    formula=lambda n, E, B, D_l, beta: E + B / (D_l + n**beta),
    parameters=(
        Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.3, 0.8), relative=True),
        Parameter("B", "what finetuning removes, times D_l", 1e-9, np.inf, (1, 10, 100, 1e3), relative=True),
        Parameter("D_l", "data that pretraining is worth, in examples to the power beta", 1e-9, np.inf, (1, 10, 1e3)),
        Parameter("beta", "exponent", 1e-3, 5.0, (0.1, 0.2, 0.4, 0.8)),
    ),
    latex=r"L = E + \frac{B}{D_l + D^{\beta}}",
    source="Lin et al. 2024, arXiv 2402.02314",
    example=(0.5, 30, 10, 0.4),
    exponent=Exponent("beta", "β"),
    smallest_n=0,
)

EXPONENTIAL = Law(
    name="exponential",
    formula=lambda n, E, A, D_e: E + A * np.exp(-n / D_e),
    parameters=(
        Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.1, 0.5, 0.9), relative=True),
        Parameter("A", "what finetuning removes", 1e-9, np.inf, (0.1, 0.5, 1.0), relative=True),
        Parameter("D_e", "examples that remove all but 1/e of it", 1e-3, np.inf, (10, 100, 1e3, 1e4, 1e5)),
    ),
    latex=r"L = E + A\,e^{-D/D_e}",
    source="saturating learning curve, e.g. Viering and Loog 2021, arXiv 2103.10948",
    example=(0.5, 2, 3e4),
    smallest_n=0,
)


def _m4(n: np.ndarray, E: np.ndarray, R: np.ndarray, alpha: np.ndarray, D_h: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Solve t/(1−t)^alpha = 2^(alpha−1)·(n/D_h)^−c for t = (L − E)/R in (0, 1) by bisection."""
    wanted = (alpha - 1) * np.log(2) - c * np.log(n / D_h)
    low, high = np.full(np.shape(wanted), -60.0), np.full(np.shape(wanted), 60.0)
    for _ in range(60):  # over the logit of t
        middle = (low + high) / 2
        above = -np.logaddexp(0, -middle) + alpha * np.logaddexp(0, middle) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return E + R / (1 + np.exp(-low))


M4 = Law(
    name="m4",
    formula=_m4,
    parameters=(
        Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.3, 0.7), relative=True),
        Parameter("R", "E₀ − E: all that data can remove", 1e-9, np.inf, (0.3, 1.0), relative=True),
        Parameter(
            "alpha", "how abruptly the decline begins; 0: a power law from the start", 0.0, 20.0, (0.3, 1.0, 3.0)
        ),
        Parameter("D_h", "examples that remove half of R", 1e-3, 1e15, (10, 1e3, 1e5)),
        Parameter("c", "exponent", 1e-3, 5.0, (0.1, 0.3, 0.8)),
    ),
    latex=r"\frac{L - E}{(E_0 - L)^{\alpha}} = \beta\,D^{-c}",
    source="Alabdulmohsin et al. 2022, arXiv 2209.06640; β is written by the n that removes half",
    example=(0.5, 3, 1, 1e4, 0.4),
    exponent=Exponent("c", "c, near the floor"),
)
