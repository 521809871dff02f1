"""Which examples each optimiser step sees, and how they are laid out in rows of tokens."""

import heapq
import math
import random
from collections.abc import Sequence


def step_plan(
    n: int, batch_size: int, *, epochs: int | None, steps: int | None, min_steps: int, seed: int
) -> list[list[int]]:
    """Indices of the examples of every optimiser step, in order.

    Each epoch is a fresh permutation of all n; its last batch may be smaller and no example is ever dropped. With
    `epochs`, whole epochs are added until `min_steps` are reached; with `steps`, exactly so many steps are taken and
    the last epoch may end early. The plan depends on the arguments alone, so a resumed run goes on in it.
    """
    per_epoch = math.ceil(n / batch_size)
    whole_epochs = math.ceil(steps / per_epoch) if steps else max(epochs or 0, math.ceil(min_steps / per_epoch))
    plan: list[list[int]] = []
    for epoch in range(whole_epochs):
        # Sorted by random(): Python promises its values from version to version, those of shuffle it does not.
        draw = random.Random(f"{seed}/{epoch}").random
        order = [i for _, i in sorted((draw(), i) for i in range(n))]
        plan += [order[i : i + batch_size] for i in range(0, n, batch_size)]
    return plan[:steps] if steps else plan


def pack(lengths: Sequence[int], row_length: int) -> list[list[int]]:
    """Lay examples of the given lengths into as few rows of at most `row_length` tokens as a greedy rule finds.

    Longest first into the emptiest row (LPT scheduling), so that rows come out equally long and little is padded.
    Returns the indices in each row. A length above `row_length` is the caller's error.
    """
    if max(lengths) > row_length:
        raise ValueError(f"an example of {max(lengths)} tokens does not fit in a row of {row_length}")
    longest_first = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    for n_rows in range(math.ceil(sum(lengths) / row_length), len(lengths) + 1):
        rows: list[tuple[int, int, list[int]]] = [(0, row, []) for row in range(n_rows)]
        for i in longest_first:
            filled, row, members = rows[0]
            heapq.heapreplace(rows, (filled + lengths[i], row, [*members, i]))
        if max(filled for filled, _, _ in rows) <= row_length:
            return [members for _, _, members in sorted(rows, key=lambda entry: entry[1])]
    raise AssertionError("one example to a row always fits")
