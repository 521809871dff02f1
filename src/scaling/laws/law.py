"""What a law is: one object for its formula, its parameters, what it is fitted to and how forecasts use it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from src.scaling.curve import Kind

STEP = 1e-5  # of central differences: rounding (1e-16/STEP) and truncation (STEP²) are both below 1e-10


@dataclass(frozen=True)
class Quantity:
    """What a law is about, as a function of the measured metric, and the scale on which its residuals are taken."""

    name: str
    from_metric: Callable[[np.ndarray], np.ndarray]
    to_metric: Callable[[np.ndarray], np.ndarray]
    log_residuals: bool = False
    above_chance: bool = False

    def of_accuracy(self, chance: float) -> "Quantity":
        """The quantity for a curve that starts from guessing: a metric made from it lies in [chance, 1]."""
        start, width = (chance, 1 - chance) if self.above_chance else (0.0, 1.0)
        return replace(
            self,
            from_metric=lambda p: self.from_metric((p - start) / width),
            to_metric=lambda q: np.clip(start + width * self.to_metric(q), chance, 1.0),
        )

    def residual_scale(self, quantity: np.ndarray) -> np.ndarray:
        """The quantity on the scale where noise is taken to be even: its logarithm for losses, itself otherwise."""
        return np.log(np.maximum(quantity, 1e-300)) if self.log_residuals else quantity

    def from_residual_scale(self, value: np.ndarray) -> np.ndarray:
        """The inverse of `residual_scale`."""
        return np.exp(value) if self.log_residuals else value


PERCENT = Quantity("accuracy in percent", lambda p: 100 * p, lambda q: q / 100)
ABOVE_CHANCE = Quantity("share of what lies above chance", lambda p: p, lambda q: q, above_chance=True)
ERROR = Quantity("error (1 − accuracy)", lambda p: 1 - p, lambda q: 1 - q)
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
class Exponent:
    """The exponent of n that a law has: `of` the parameter of this name, and what it is `called`."""

    parameter: str
    called: str
    of: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Coordinate:
    """One unbounded coordinate of a latent form; `natural` makes of it what the name stands for.

    The study's mean of it is Normal(`mean`, `doubt`²) beforehand; curves are thought to differ from that mean by
    `spread`, which the study itself corrects as it has more curves. `anchor` is added to the mean: the median of the
    last measured ln L, or of the largest ln n, so that no unit enters.
    """

    name: str
    mean: float
    doubt: float
    spread: float
    anchor: str = "none"
    natural: Callable[[Any], Any] = np.exp


def log(value: np.ndarray) -> np.ndarray:
    """The logarithm of a value ≥ 0, cut where doubles end: no draw from the prior is infinite."""
    return np.log(np.clip(value, 1e-300, 1e300))


@dataclass(frozen=True)
class Latent:
    """A form in which all curves of a study are fitted at once to forecast them, with what is thought of it before.

    What is fitted is the logarithm of what the law's formula gives: ln L, or the log odds of what lies above chance.
    `parameters` makes the law's from the coordinates' natural values. A law that bends before its bounds has a `link`
    of its own. `bounded`: a floor, start or ceiling of the law holds what a curve deviates from it too. `prior` is the
    form's weight beside all others before any point is seen.

    The priors are round numbers, wide enough for the exponents published for losses (0.03 to 0.4); the forecasts on
    real curves hardly move with them (docs/laws.md).
    """

    coordinates: tuple[Coordinate, ...]
    parameters: Callable[..., tuple[Any, ...]] = lambda *natural: natural
    link: Callable[[np.ndarray], np.ndarray] = log
    bounded: bool = False
    prior: float = 1.0


@dataclass(frozen=True)
class Law:
    """A functional form.

    `formula(n, *parameters)` is vectorised: its arguments broadcast. A law `over_sizes` is fitted to models of several
    sizes together: `formula(n, size, *parameters)`, with the number of their weights; `best_size(product, *parameters)`
    is the size with the lowest loss among all with size · n = product, 0 or infinity where it has no end. The formula
    gives the quantity or, with `odds`, the odds of a share, which keep apart what lies near 1.

    `quantities` says for which kinds of metric the law is meant and what it describes of them: of most laws, the error
    and the loss. `latent` says in which forms forecasts of losses, or of accuracies where it is meant for these alone,
    use it. Sizes below `smallest_n` are left out of fits. `example` holds parameters that a fit must find again from
    points computed from them.
    """

    name: str
    formula: Callable[..., np.ndarray]
    parameters: tuple[Parameter, ...]
    latex: str
    source: str
    example: tuple[float, ...]
    quantities: dict[Kind, Quantity] = field(default_factory=lambda: {"accuracy": ERROR, "loss": LOSS})
    exponent: Exponent | None = None
    latent: tuple[Latent, ...] = ()
    odds: bool = False
    over_sizes: bool = False
    best_size: Callable[..., Any] | None = None
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
        """The law's quantity for parameters of shape (…, parameters): shape (…, points).

        n has shape (points,), or (2, points) for a law over sizes: n and the models' sizes.
        """
        columns = np.moveaxis(np.asarray(parameters, dtype=float), -1, 0)[..., None]
        with np.errstate(over="ignore", divide="ignore"):
            value = self.formula(*np.atleast_2d(np.asarray(n, dtype=float)), *columns)
            return 1 / (1 + 1 / value) if self.odds else value

    def starts(self, largest: float) -> np.ndarray:
        """The grid of starting points, shape (starts, parameters), for data whose largest value is given."""
        axes = [np.array(p.starts) * (largest if p.relative else 1.0) for p in self.parameters]
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        return np.clip(grid, self.lower, self.upper)

    def exponent_of(self, parameters: np.ndarray) -> np.ndarray:
        """The exponent of n for parameters of shape (…, parameters), shape (…,); only of a law that has one."""
        assert self.exponent is not None, self.name
        place = [p.name for p in self.parameters].index(self.exponent.parameter)
        return self.exponent.of(np.asarray(parameters)[..., place])


@dataclass(frozen=True)
class Shape:
    """A law with one of its latent forms. theta holds values of the form's unbounded coordinates."""

    law: Law
    latent: Latent

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        return self.latent.coordinates

    def named(self, theta: np.ndarray) -> dict[str, float]:
        """The coordinates' natural values, for theta of shape (coordinates,)."""
        return {c.name: float(c.natural(value)) for c, value in zip(self.coordinates, theta, strict=True)}

    def at(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The latent value for theta, shape (…, curves, coordinates), at x, shape (curves, points)."""
        with np.errstate(over="ignore", divide="ignore"):
            return self.latent.link(self.law.formula(np.exp(x), *self._parameters(theta)))

    def share_at(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """How much of a deviation moves the latent value: less of it near a floor, a start or a ceiling that binds it.

        Shaped like `at`. The latent value's slope in ln n over the exponent, which it would be without any bound: a
        deviation is taken to be of what the law says without them.
        """
        if not self.latent.bounded:
            return np.ones(np.broadcast_shapes((*theta.shape[:-1], 1), x.shape))
        assert self.law.exponent is not None
        exponent = self.law.exponent_of(np.stack(np.broadcast_arrays(*self._parameters(theta)), axis=-1))
        return np.abs(self.at(theta, x + STEP) - self.at(theta, x - STEP)) / (2 * STEP * exponent)

    def jacobian(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        """d latent / d theta, shape (curves, points, coordinates), by central differences."""
        steps = STEP * np.eye(theta.shape[-1])[:, None]
        return np.moveaxis(self.at(theta + steps, x) - self.at(theta - steps, x), 0, -1) / (2 * STEP)

    def _parameters(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """The law's parameters, each of shape (…, curves, 1) or a number."""
        columns = np.moveaxis(theta, -1, 0)[..., None]
        return self.latent.parameters(*(c.natural(v) for c, v in zip(self.coordinates, columns, strict=True)))
