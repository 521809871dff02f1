"""A law as pooled forecasts fit it: in one of its latent forms, against x = ln n."""

from dataclasses import dataclass

import numpy as np

from src.scaling.laws.law import Coordinate, Latent, Law

STEP = 1e-5  # of central differences: rounding (1e-16/STEP) and truncation (STEP²) are both below 1e-10


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
        steps = STEP * np.eye(theta.shape[-1])
        return np.stack([self.at(theta + s, x) - self.at(theta - s, x) for s in steps], axis=-1) / (2 * STEP)

    def _parameters(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """The law's parameters, each of shape (…, curves, 1) or a number."""
        columns = np.moveaxis(theta, -1, 0)[..., None]
        return self.latent.parameters(*(c.natural(v) for c, v in zip(self.coordinates, columns, strict=True)))
