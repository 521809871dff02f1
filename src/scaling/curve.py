"""A curve: one metric measured at several numbers of examples, over seeds and, where kept, over test items."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from src.errors import FathomError
from src.scaling.noise import Kind, Noise, estimate


@dataclass(frozen=True, eq=False)
class Measurement:
    """One point's value.

    `items` holds a value for each test item, shape (items,), whose mean is the point's, in the same order in every
    point. `stderr` is the standard error by the choice of test items where these are not kept, or what is known of the
    value's noise from elsewhere.
    """

    n: int
    seed: int
    value: float
    items: np.ndarray | None = None
    stderr: float | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """Measurements that differ only in n and seed.

    `kind` is "accuracy" (in [0, 1], higher is better; `chance` is what guessing scores) or "loss" (above 0, lower is
    better). Raises FathomError for a value that cannot be one of the kind, a negative n, or an (n, seed) given twice.
    """

    name: str
    metric: str
    kind: Kind
    measurements: tuple[Measurement, ...]
    chance: float = 0.0

    def __post_init__(self) -> None:
        where = f"curve {self.name}, metric {self.metric}"
        if not self.measurements:
            raise FathomError(f"{where}: there are no measurements; run some points first")
        for point in self.measurements:
            _check(point, self.kind, f"{where}, n={point.n}, seed={point.seed}")
        twice = [key for key, count in Counter((p.n, p.seed) for p in self.measurements).items() if count > 1]
        if twice:
            n, seed = twice[0]
            raise FathomError(f"{where}: n={n}, seed={seed} is given more than once; keep one of them")
        if len({len(p.items) for p in self.measurements if p.items is not None}) > 1:
            raise FathomError(f"{where}: points have different numbers of test items; evaluate them on the same ones")

    @cached_property
    def sizes(self) -> np.ndarray:
        """The distinct n, ascending, shape (sizes,)."""
        return np.array(sorted({p.n for p in self.measurements}), dtype=float)

    @cached_property
    def values(self) -> list[np.ndarray]:
        """Per size the seeds' values, in order of seed."""
        return [np.array([p.value for p in self.at(n)]) for n in self.sizes]

    @cached_property
    def means(self) -> np.ndarray:
        """The mean over seeds at each size, shape (sizes,)."""
        return np.array([v.mean() for v in self.values])

    @cached_property
    def seeds(self) -> np.ndarray:
        """The number of seeds at each size, shape (sizes,)."""
        return np.array([len(v) for v in self.values])

    @cached_property
    def noise(self) -> Noise:
        """The noise of the means."""
        points = [self.at(n) for n in self.sizes]
        kept = all(p.items is not None for p in self.measurements)
        items = [np.stack([p.items for p in of]) for of in points] if kept else None  # type: ignore[misc]
        told = all(p.stderr is not None for p in self.measurements)
        stderrs = [np.array([p.stderr for p in of], dtype=float) for of in points] if told else None
        return estimate(self.kind, self.chance, self.sizes, self.values, items, stderrs)

    @cached_property
    def standard_errors(self) -> np.ndarray | None:
        """Standard error of each mean, shape (sizes,), or None where nothing tells the noise."""
        return self.noise.standard_errors

    def at(self, n: float) -> list[Measurement]:
        """The measurements at one size, in order of seed."""
        return sorted((p for p in self.measurements if p.n == n), key=lambda p: p.seed)

    def between(self, smallest: float, largest: float = math.inf) -> "Curve":
        """The same curve with only the sizes from smallest to largest, both included."""
        return replace(self, measurements=tuple(p for p in self.measurements if smallest <= p.n <= largest))


def _check(point: Measurement, kind: Kind, where: str) -> None:
    if point.n < 0:
        raise FathomError(f"{where}: n is negative; it counts training examples")
    if not math.isfinite(point.value) or (point.items is not None and not np.isfinite(point.items).all()):
        raise FathomError(f"{where}: the value is {point.value} or an item's is not finite; leave the point out")
    if kind == "accuracy" and not 0 <= point.value <= 1:
        raise FathomError(f"{where}: accuracy {point.value:g} is outside [0, 1]; if it is in percent, divide it by 100")
    if kind == "loss" and point.value <= 0:
        raise FathomError(f"{where}: loss {point.value:g} is not above 0; a law of losses needs positive ones")
