"""The laws: functional forms from n to performance.

A law is one `Law(...)` in this file and its place in `LAWS`; fitting, intervals, tables and plots follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Kind


@dataclass(frozen=True)
class Quantity:
    """What a law is about, as a function of the measured metric, and the scale on which its residuals are taken."""

    name: str
    from_metric: Callable[[np.ndarray], np.ndarray]
    to_metric: Callable[[np.ndarray], np.ndarray]
    log_residuals: bool

    def residual_scale(self, quantity: np.ndarray) -> np.ndarray:
        """The quantity on the scale where noise is taken to be even: its logarithm for losses, itself otherwise."""
        return np.log(np.maximum(quantity, 1e-300)) if self.log_residuals else quantity

    def from_residual_scale(self, value: np.ndarray) -> np.ndarray:
        """The inverse of `residual_scale`."""
        return np.exp(value) if self.log_residuals else value


PERCENT = Quantity("accuracy in percent", lambda p: 100 * p, lambda q: q / 100, log_residuals=False)
ERROR = Quantity("error (1 − accuracy)", lambda p: 1 - p, lambda q: 1 - q, log_residuals=False)
LOSS = Quantity("loss", lambda loss: loss, lambda q: q, log_residuals=True)


@dataclass(frozen=True)
class Parameter:
    """A law's parameter. `starts` are where fits begin, as multiples of the largest value where `relative` is set."""

    name: str
    meaning: str
    lower: float
    upper: float
    starts: tuple[float, ...]
    relative: bool = False


@dataclass(frozen=True)
class Law:
    """A functional form.

    `formula(n, *parameters)` is vectorised: its arguments broadcast. `quantities` says for which kinds of metric the
    law is meant and what it describes of them. Sizes below `smallest_n` are left out of its fits.
    """

    name: str
    formula: Callable[..., np.ndarray]
    parameters: tuple[Parameter, ...]
    quantities: dict[Kind, Quantity]
    latex: str
    source: str
    smallest_n: int = 1

    @property
    def lower(self) -> np.ndarray:
        """Lower bounds, shape (parameters,)."""
        return np.array([p.lower for p in self.parameters])

    @property
    def upper(self) -> np.ndarray:
        """Upper bounds, shape (parameters,)."""
        return np.array([p.upper for p in self.parameters])

    def predict(self, n: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """The law's quantity at n, shape (sizes,), for parameters of shape (…, parameters): shape (…, sizes)."""
        columns = np.moveaxis(np.asarray(parameters, dtype=float), -1, 0)[..., None]
        with np.errstate(over="ignore"):
            return self.formula(np.asarray(n, dtype=float), *columns)

    def starts(self, largest: float) -> np.ndarray:
        """The grid of starting points, shape (starts, parameters), for data whose largest value is given."""
        axes = [np.array(p.starts) * (largest if p.relative else 1.0) for p in self.parameters]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        return np.clip(grid, self.lower, self.upper)


PAPER = Law(
    name="paper",
    formula=lambda n, a, b: a * n ** (1 / b),
    parameters=(
        Parameter("a", "accuracy in percent at n = 1", 1e-9, np.inf, (0.03, 0.1, 0.3, 1.0), relative=True),
        Parameter("b", "inverse exponent: doubling n multiplies accuracy by 2^(1/b)", 0.2, 1000.0, (1.5, 4, 10, 30)),
    ),
    quantities={"accuracy": PERCENT},
    latex=r"P = a\,D^{1/b}",
    source="Raghavendra, Nath, Hendryx 2024, arXiv 2410.03717",
)

POWER_FLOOR = Law(
    name="power_floor",
    formula=lambda n, E, A, beta: E + A * n**-beta,
    parameters=(
        Parameter("E", "what is left at unlimited n", 0.0, np.inf, (0.0, 0.3, 0.8), relative=True),
        Parameter("A", "what finetuning removes, at n = 1", 1e-9, np.inf, (0.3, 1.0, 3.0, 10.0), relative=True),
        Parameter("beta", "exponent", 1e-3, 5.0, (0.03, 0.1, 0.3, 1.0)),
    ),
    quantities={"accuracy": ERROR, "loss": LOSS},
    latex=r"L = E + A\,D^{-\beta}",
    source="Hestness et al. 2017, arXiv 1712.00409; Kaplan et al. 2020, arXiv 2001.08361",
)

LAWS: tuple[Law, ...] = (PAPER, POWER_FLOOR)


def laws_for(kind: Kind) -> list[Law]:
    """The laws meant for a kind of metric."""
    return [law for law in LAWS if kind in law.quantities]
