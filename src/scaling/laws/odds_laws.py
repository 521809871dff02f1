"""Accuracies as power laws in the odds: logistics in ln n, which stay between chance and 1."""

import numpy as np
from scipy.special import expit

from src.scaling.laws.law import ABOVE_CHANCE, Coordinate, Exponent, Latent, Law, Parameter


def _odds(n: np.ndarray, s: np.ndarray | float, C: np.ndarray, D_h: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The odds of s + (1 − s)·C·h, where h = n^k/(n^k + D_h^k), without a difference that could cancel near 1."""
    won = C / ((D_h / n) ** k + (1 - C))  # the odds of C·h
    return (s + won) / (1 - s)


_CEILING = Parameter("C", "share of what lies above the start that unlimited n reaches", 1e-6, 1.0, (0.5, 1.0))
_RISE = (
    Parameter("D_h", "examples that give half of it", 1e-3, 1e15, (10, 100, 1e3, 1e4, 1e6)),
    Parameter("k", "exponent: accuracy grows as n^k long before D_h", 1e-3, 20.0, (0.2, 0.5, 1, 2)),
)
_HALF = Coordinate("D_h", 0.0, 4.0, 3.0, "largest")
_SLOPE = Coordinate("k", float(np.log(0.3)), 1.0, 0.5)
_START = Coordinate("s", -2.0, 1.5, 1.0, natural=expit)
_TOP = Coordinate("C", 2.0, 1.5, 1.0, natural=expit)

ODDS = Law(
    name="odds",
    formula=lambda n, C, D_h, k: _odds(n, 0, C, D_h, k),
    parameters=(_CEILING, *_RISE),
    quantities={"accuracy": ABOVE_CHANCE},
    latex=r"P = C\,\frac{D^k}{D^k + D_h^k}",
    source="the paper's law with a ceiling: a logistic in ln D (Hill curve); bounded by chance and 1",
    example=(0.8, 500, 0.7),
    exponent=Exponent("k", "k"),
    latent=(
        Latent((_HALF, _SLOPE), parameters=lambda D_h, k: (1.0, D_h, k)),
        Latent((_HALF, _SLOPE, _TOP), parameters=lambda D_h, k, C: (C, D_h, k), bounded=True),
    ),
    odds=True,
)

ODDS_START = Law(
    name="odds_start",
    formula=_odds,
    parameters=(
        Parameter("s", "accuracy without finetuning, of what lies above chance", 0.0, 0.99, (0.01, 0.3)),
        _CEILING,
        *_RISE,
    ),
    quantities={"accuracy": ABOVE_CHANCE},
    latex=r"P = s + (1 - s)\,C\,\frac{D^k}{D^k + D_h^k}",
    source="a power law in the odds: P ~ n^k far below D_h (the law of 2410.03717), 1 − P ~ n^−k far above; it is the "
    "rectified law of Lin et al. 2402.02314 in the error, bounded by chance and 1",
    example=(0.1, 0.8, 500, 0.7),
    exponent=Exponent("k", "k"),
    latent=(
        Latent((_HALF, _SLOPE, _START), parameters=lambda D_h, k, s: (s, 1.0, D_h, k), bounded=True),
        Latent((_HALF, _SLOPE, _START, _TOP), parameters=lambda D_h, k, s, C: (s, C, D_h, k), bounded=True),
    ),
    odds=True,
)
