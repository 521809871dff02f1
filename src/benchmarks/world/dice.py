"""Chance that comes out the same on every platform and Python version."""

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """Random draws from a string seed.

    Only `random.Random(str)` and its `random()` are used: Python promises their values from version to version, which
    it does not for `choice`, `shuffle` or `sample`.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def choice(self, items: Sequence[Item]) -> Item:
        return items[int(self._random() * len(items))]

    def zipf(self, items: Sequence[Item], exponent: float) -> Item:
        """An item with probability proportional to 1 / rank ** exponent, the first item having rank 1."""
        cumulative = _zipf_weights(len(items), exponent)
        return items[bisect(cumulative, self._random() * cumulative[-1], hi=len(items) - 1)]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different places of `items`, in drawn order."""
        rest = list(items)
        return [rest.pop(int(self._random() * len(rest))) for _ in range(count)]


_weights: dict[tuple[int, float], list[float]] = {}


def _zipf_weights(count: int, exponent: float) -> list[float]:
    key = (count, exponent)
    if key not in _weights:
        _weights[key] = list(accumulate(1 / rank**exponent for rank in range(1, count + 1)))
    return _weights[key]
