"""Nested subsets: which n examples of a pool a point trains on."""

import hashlib
from collections.abc import Sequence

from src.benchmarks.benchmark import Example


def ranked(pool: Sequence[Example], seed: int) -> list[Example]:
    """The pool in the order in which examples are drawn for `seed`.

    Each example's place depends on (seed, its own content) alone, so the first n are nested (n=10 ⊂ n=100) and a row
    dropped or added upstream moves no other. Ties can only be exact duplicates; they stay together.
    """

    def rank(example: Example) -> bytes:
        content = "\x1f".join((str(seed), example.prompt, example.answer))
        return hashlib.sha256(content.encode()).digest()

    return sorted(pool, key=rank)
