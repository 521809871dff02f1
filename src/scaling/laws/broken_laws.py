"""Power laws whose exponent changes at smooth breaks, and the transition from flat to a power law."""

import numpy as np

from src.scaling.laws.law import Coordinate, Exponent, Latent, Law, Parameter


def _broken(
    n: np.ndarray, a: np.ndarray | float, b: np.ndarray, c0: np.ndarray | float, *breaks: np.ndarray
) -> np.ndarray:
    log = np.log(b) - c0 * np.log(n)
    for c, d, f in zip(breaks[::3], breaks[1::3], breaks[2::3], strict=True):
        log = log - c * f * np.logaddexp(0, (np.log(n) - np.log(d)) / f)
    return a + np.exp(log)


def _broken_law(breaks: int, places: tuple[tuple[float, ...], ...], example: tuple[float, ...]) -> Law:
    parameters = [
        Parameter("a", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.5), relative=True),
        Parameter("b", "scale of the first power law, at n = 1", 1e-9, np.inf, (1.0, 3.0), relative=True),
        Parameter("c0", "exponent before the first break", 0.0, 5.0, (0.02, 0.2)),
    ]
    for i in range(breaks):
        parameters += [
            Parameter(f"c{i + 1}", f"change of the exponent at break {i + 1}", -5.0, 5.0, (0.2,)),
            Parameter(f"d{i + 1}", f"n of break {i + 1}", 1e-3, 1e15, places[i]),
            Parameter(f"f{i + 1}", f"width of break {i + 1} in ln n", 0.01, 20.0, (0.5, 3.0)),
        ]
    return Law(
        name=f"broken_{breaks}",
        formula=_broken,
        parameters=tuple(parameters),
        latex=r"L = a + b\,D^{-c_0} \prod_i \bigl(1 + (D/d_i)^{1/f_i}\bigr)^{-c_i f_i}",
        source="Caballero et al. 2022, arXiv 2210.14891",
        example=example,
    )


BROKEN_1 = _broken_law(1, ((30.0, 1e3, 3e4, 1e6),), (0.3, 3, 0.03, 0.4, 3e3, 1))
BROKEN_2 = _broken_law(2, ((30.0, 1e3), (1e4, 1e6)), (0.2, 3, 0.02, 0.2, 1e3, 0.3, 0.3, 1e6, 0.5))

_LEFT = Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.3, 0.8), relative=True)
_DECLINE = (
    Parameter("A", "what finetuning removes, long before the transition", 1e-9, np.inf, (0.5, 1.0), relative=True),
    Parameter("D_c", "examples at which the decline reaches half its final exponent", 1e-3, 1e15, (30, 1e3, 3e4, 1e6)),
    Parameter("s", "sharpness of the transition", 0.05, 20.0, (0.3, 1.0, 3.0)),
    Parameter("k", "exponent long after the transition", 1e-3, 5.0, (0.1, 0.3, 1.0)),
)
_TRANSITION = (
    Coordinate("A", 0.2, 1.0, 0.5, anchor="last"),
    Coordinate("D_c", 0.0, 4.0, 3.0, "largest"),
    Coordinate("s", float(np.log(0.3)), 0.7, 0.3),
    Coordinate("k", float(np.log(0.2)), 0.7, 0.05),
)

TRANSITION = Law(
    name="transition",
    formula=lambda n, A, D_c, s, k: _broken(n, 0, A, 0, k, D_c, 1 / s),
    parameters=_DECLINE,
    latex=r"L = A\,\bigl(1 + (D/D_c)^{s}\bigr)^{-k/s}",
    source="one smooth break from flat to a power law (Caballero et al. 2210.14891 with a = c0 = 0); with s = k it is "
    "the rectified law of Lin et al. 2402.02314 with E = 0",
    example=(3, 2e3, 0.8, 0.3),
    exponent=Exponent("k", "k, long after the transition"),
    latent=(Latent(_TRANSITION),),
)

TRANSITION_FLOOR = Law(
    name="transition_floor",
    formula=lambda n, E, A, D_c, s, k: _broken(n, E, A, 0, k, D_c, 1 / s),
    parameters=(_LEFT, *_DECLINE),
    latex=r"L = E + A\,\bigl(1 + (D/D_c)^{s}\bigr)^{-k/s}",
    source="Caballero et al. 2210.14891 with c0 = 0; with s = k the rectified law of Lin et al. 2402.02314",
    example=(0.5, 3, 2e3, 0.8, 0.5),
    exponent=Exponent("k", "k, long after the transition"),
    # Early sizes hardly tell the onset of a decline from its end, so that both at once are believed only where the
    # points insist: by 100 to 1.
    latent=(Latent((Coordinate("E", -2.0, 0.3, 0.3, anchor="last"), *_TRANSITION), prior=0.01),),
)
