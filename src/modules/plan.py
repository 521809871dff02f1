"""Which examples each optimiser step sees, and how they are laid out in rows of tokens."""

import heapq
import math
import random
from collections.abc import Sequence
from typing import overload


class StepPlan(Sequence[list[int]]):
    """Indices of the examples of each of `steps` optimiser steps.

    Each epoch is a fresh permutation of all n; its last batch may be smaller and no example is ever dropped. The plan
    depends on the arguments alone, so a resumed run goes on in it. An epoch is drawn when its first step is asked for:
    training that ends when validation says so has far more steps planned than taken.
    """

    def __init__(self, n: int, batch_size: int, steps: int, seed: int) -> None:
        self.n = n
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.steps_per_epoch = math.ceil(n / batch_size)
        self._epoch = -1
        self._order: list[int] = []

    def __len__(self) -> int:
        return self.steps

    @overload
    def __getitem__(self, step: int) -> list[int]: ...
    @overload
    def __getitem__(self, step: slice) -> list[list[int]]: ...
    def __getitem__(self, step: int | slice) -> list[int] | list[list[int]]:
        if isinstance(step, slice):
            return [self[i] for i in range(*step.indices(self.steps))]
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of a plan of {self.steps}")
        epoch, batch = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            # Sorted by random(): Python promises its values from version to version, those of shuffle it does not.
            draw = random.Random(f"{self.seed}/{epoch}").random
            self._epoch, self._order = epoch, [i for _, i in sorted((draw(), i) for i in range(self.n))]
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]


def step_plan(n: int, batch_size: int, *, epochs: int | None, steps: int | None, min_steps: int, seed: int) -> StepPlan:
    """The plan of a recipe that fixes the length of training.

    With `epochs`, whole epochs are added until `min_steps` are reached; with `steps`, exactly so many steps are taken
    and the last epoch may end early.
    """
    per_epoch = math.ceil(n / batch_size)
    whole_epochs = max(epochs or 0, math.ceil(min_steps / per_epoch))
    return StepPlan(n, batch_size, steps or whole_epochs * per_epoch, seed)


def pack(lengths: Sequence[int], row_length: int) -> list[list[int]]:
    """Lay examples of the given lengths into as few rows of at most `row_length` tokens as a greedy rule finds.

    Rows come out nearly equally long (see `spread`), so little is padded.
    Returns the indices in each row. A length above `row_length` is the caller's error.
    """
    if max(lengths) > row_length:
        raise ValueError(f"an example of {max(lengths)} tokens does not fit in a row of {row_length}")
    for n_rows in range(math.ceil(sum(lengths) / row_length), len(lengths) + 1):
        rows = spread(lengths, n_rows)
        if max(sum(lengths[i] for i in row) for row in rows) <= row_length:
            return rows
    raise AssertionError("one example to a row always fits")


def spread(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Examples of the given lengths in so many parts of nearly equal tokens, by their indices.

    Longest first into the emptiest part: LPT scheduling (Graham 1969).
    """
    filled: list[tuple[int, int, list[int]]] = [(0, part, []) for part in range(parts)]
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        tokens, part, members = filled[0]
        heapq.heapreplace(filled, (tokens + lengths[i], part, [*members, i]))
    return [members for _, _, members in sorted(filled, key=lambda entry: entry[1])]
