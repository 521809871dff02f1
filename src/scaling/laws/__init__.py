"""The laws: functional forms from n to performance.

A law is one `Law(...)` in this folder and its place in `CATALOGUE`. Fits, intervals, tables, plots, exponents and,
where it has a latent form, forecasts follow from it.
"""

from collections.abc import Sequence

from src.errors import FathomError
from src.scaling.curve import Kind
from src.scaling.laws.broken_laws import BROKEN_1, BROKEN_2, TRANSITION, TRANSITION_FLOOR
from src.scaling.laws.law import Law, Shape
from src.scaling.laws.odds_laws import ODDS, ODDS_START
from src.scaling.laws.power_laws import CHINCHILLA, JOINT, KAPLAN, LOG_LINEAR, PAPER, POWER, POWER_FLOOR
from src.scaling.laws.saturating_laws import EXPONENTIAL, M4, RECTIFIED

CATALOGUE: tuple[Law, ...] = (
    *(PAPER, LOG_LINEAR, ODDS, ODDS_START),
    *(TRANSITION, POWER_FLOOR, POWER, TRANSITION_FLOOR, RECTIFIED, EXPONENTIAL, M4, BROKEN_1, BROKEN_2),
    *(JOINT, CHINCHILLA, KAPLAN),
)

# What is fitted where nothing else is asked for.
LAWS: tuple[Law, ...] = (PAPER, LOG_LINEAR, ODDS, POWER_FLOOR, RECTIFIED)


def laws_named(names: Sequence[str]) -> tuple[Law, ...]:
    """The laws of these names, in their order. Raises FathomError, with all there are, for a name that is none."""
    of = {law.name: law for law in CATALOGUE}
    for name in names:
        if name not in of:
            raise FathomError(f"laws: there is no law {name}; there are {', '.join(of)}")
    return tuple(of[name] for name in dict.fromkeys(names))


def shapes_for(kind: Kind) -> list[Shape]:
    """Every latent form in which curves of this kind are forecast: of a law meant for both kinds, losses."""
    of_kind = [law for law in CATALOGUE if ("loss" in law.quantities) == (kind == "loss")]
    return [Shape(law, latent) for law in of_kind for latent in law.latent]
