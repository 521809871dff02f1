"""Power laws: straight lines in log-log, with a floor, over model sizes; and the logarithm."""

from typing import Any

import numpy as np

from src.scaling.laws.law import LOSS, PERCENT, Coordinate, Exponent, Latent, Law, Parameter, log


def _held_below_1(percent: np.ndarray) -> np.ndarray:
    """The log odds of (1 + p^−4)^(−1/4): the share p until shortly before 1, which it does not reach."""
    held = -np.logaddexp(0, -4 * log(percent / 100)) / 4
    return held - np.log(-np.expm1(np.minimum(held, -1e-300)))


PAPER = Law(
    name="paper",
    formula=lambda n, a, b: a * n ** (1 / b),
    parameters=(
        Parameter("a", "accuracy in percent at n = 1", 1e-9, np.inf, (0.03, 0.1, 0.3, 1.0), relative=True),
        Parameter("b", "inverse exponent: doubling n multiplies accuracy by 2^(1/b)", 0.2, 1000.0, (1.5, 4, 10, 30)),
    ),
    quantities={"accuracy": PERCENT},
    latex=r"P = a\,D^{1/b}",
    source="Raghavendra, Nath, Hendryx 2024, arXiv 2410.03717; forecasts hold it below 1",
    example=(8.14, 4.97),
    exponent=Exponent("b", "1/b", lambda b: 1 / b),
    latent=(
        Latent(
            coordinates=(
                Coordinate("D", 0.0, 4.0, 3.0, "largest"),  # examples at which the law would pass 1
                Coordinate("k", float(np.log(0.3)), 1.0, 0.5),  # 1/b
            ),
            parameters=lambda D, k: (100 * D**-k, 1 / k),
            link=_held_below_1,
            prior=0.5,  # a law that nothing slows before 1 is believed half as much as one that bends
        ),
    ),
)

LOG_LINEAR = Law(
    name="log_linear",
    formula=lambda n, a, b: a + b * np.log(n),
    parameters=(
        Parameter("a", "accuracy in percent at n = 1", -np.inf, np.inf, (0.0, 0.5), relative=True),
        Parameter("b", "percent gained as n grows by the factor e", -np.inf, np.inf, (0.05, 0.2), relative=True),
    ),
    quantities={"accuracy": PERCENT},
    latex=r"P = a + b\,\ln D",
    source="Yuan et al. 2023, arXiv 2308.01825",
    example=(5, 4),
)

_LINE = (
    Coordinate("A", 2.0, 3.0, 1.0, anchor="last"),
    Coordinate("beta", float(np.log(0.1)), 0.7, 0.3),
)

POWER = Law(
    name="power",
    formula=lambda n, A, beta: A * n**-beta,
    parameters=(
        Parameter("A", "loss or error at n = 1", 1e-9, np.inf, (1.0, 3.0, 10.0), relative=True),
        Parameter("beta", "exponent", 1e-3, 5.0, (0.03, 0.1, 0.3, 1.0)),
    ),
    latex=r"L = A\,D^{-\beta}",
    source="a straight line in log-log",
    example=(5, 0.1),
    exponent=Exponent("beta", "β"),
    latent=(Latent(_LINE),),
)

_FLOOR = (
    Coordinate("E", -1.0, 1.0, 0.3, anchor="last"),
    Coordinate("A", 2.0, 3.0, 1.0, anchor="last"),
    Coordinate("beta", float(np.log(0.2)), 0.7, 0.2),
)

POWER_FLOOR = Law(
    name="power_floor",
    formula=lambda n, E, A, beta: E + A * n**-beta,
    parameters=(
        Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.3, 0.8), relative=True),
        Parameter("A", "what finetuning removes, at n = 1", 1e-9, np.inf, (0.3, 1.0, 3.0, 10.0), relative=True),
        Parameter("beta", "exponent", 1e-3, 5.0, (0.03, 0.1, 0.3, 1.0)),
    ),
    latex=r"L = E + A\,D^{-\beta}",
    source="Hestness et al. 2017, arXiv 1712.00409; Kaplan et al. 2020, arXiv 2001.08361",
    example=(0.5, 3, 0.3),
    exponent=Exponent("beta", "β"),
    # Whether a curve that deviates is still held by its floor is not known beforehand: half of the law's weight each.
    latent=(Latent(_FLOOR, prior=0.5), Latent(_FLOOR, bounded=True, prior=0.5)),
)

_OF_SIZE = (
    Parameter("A", "what a model of 10⁹ weights lacks at unlimited n", 1e-9, np.inf, (0.03, 0.3), relative=True),
    Parameter("alpha", "exponent of the model's size", 1e-3, 5.0, (0.1, 0.4)),
)
_OF_DATA = (
    Parameter("B", "what finetuning removes of a model of unlimited size, at n = 1", 1e-9, np.inf, (1, 10, 100),
              relative=True),
    Parameter("beta", "exponent", 1e-3, 5.0, (0.1, 0.4)),
)  # fmt: skip
_FLOOR_OVER_SIZES = Parameter("E", "what is left at unlimited n and size", 0.0, np.inf, (0.0, 0.3, 0.8), relative=True)

JOINT = Law(
    name="joint",
    formula=lambda n, size, A, alpha, beta, E: POWER_FLOOR.formula(n, E, A * (size / 1e9) ** -alpha, beta),
    parameters=(
        Parameter("A", "what finetuning removes of a model of 10⁹ weights, at n = 1", 1e-9, np.inf, (0.3, 1, 3, 10),
                  relative=True),
        Parameter("alpha", "exponent of the model's size", -5.0, 5.0, (0.03, 0.3)),
        Parameter("beta", "exponent", 1e-3, 5.0, (0.03, 0.1, 0.3)),
        _FLOOR_OVER_SIZES,
    ),
    quantities={"loss": LOSS},
    latex=r"L = A\,(N/10^9)^{-\alpha}\,D^{-\beta} + E",
    source="Zhang et al. 2024, arXiv 2402.17193",
    example=(2.5, 0.1, 0.15, 0.6),
    exponent=Exponent("beta", "β"),
    over_sizes=True,
    # size^(β−α): one end or the other.
    best_size=lambda product, A, alpha, beta, E: np.where(alpha > beta, np.inf, 0.0 * product),
)  # fmt: skip


def _hoffmann(product: Any, A: Any, alpha: Any, B: Any, beta: Any) -> np.ndarray:
    """The size at which A·(size/10⁹)^−α + B·n^−β is least, size·n given (Hoffmann et al., eq. 4)."""
    return (alpha * A * 1e9**alpha / (beta * B) * product**beta) ** (1 / (alpha + beta))


CHINCHILLA = Law(
    name="chinchilla",
    formula=lambda n, size, A, alpha, B, beta, E: E + A * (size / 1e9) ** -alpha + B * n**-beta,
    parameters=(*_OF_SIZE, *_OF_DATA, _FLOOR_OVER_SIZES),
    quantities={"loss": LOSS},
    latex=r"L = E + A\,(N/10^9)^{-\alpha} + B\,D^{-\beta}",
    source="Hoffmann et al. 2022, arXiv 2203.15556, eq. 2",
    example=(0.4, 0.35, 3, 0.3, 0.6),
    exponent=Exponent("beta", "β"),
    over_sizes=True,
    best_size=lambda product, A, alpha, B, beta, E: _hoffmann(product, A, alpha, B, beta),
)

KAPLAN = Law(
    name="kaplan",
    formula=lambda n, size, A, alpha, B, beta, kappa, E: (
        E + ((A * (size / 1e9) ** -alpha) ** (1 / kappa) + (B * n**-beta) ** (1 / kappa)) ** kappa
    ),
    parameters=(
        *(*_OF_SIZE, *_OF_DATA),
        Parameter("kappa", "1: what size and data lack adds up, as in chinchilla; near 0 the larger lack alone counts",
                  0.05, 3.0, (0.4, 1.0)),
        _FLOOR_OVER_SIZES,
    ),
    quantities={"loss": LOSS},
    latex=r"L = E + \left((A\,(N/10^9)^{-\alpha})^{1/\kappa} + (B\,D^{-\beta})^{1/\kappa}\right)^{\kappa}",
    source="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5 (there κ = β), with a floor",
    example=(0.4, 0.2, 3, 0.25, 0.6, 0.6),
    exponent=Exponent("beta", "β"),
    over_sizes=True,
    # Least where the sum inside the power is.
    best_size=lambda product, A, alpha, B, beta, kappa, E: _hoffmann(
        product, A ** (1 / kappa), alpha / kappa, B ** (1 / kappa), beta / kappa
    ),
)  # fmt: skip
