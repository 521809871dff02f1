"""The Judge protocol: many comparisons of two answers to a prompt."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Choice = Literal["first", "second", "tie", "invalid"]


@dataclass(frozen=True)
class Comparison:
    """Two answers to a prompt, in the order in which the judge sees them."""

    prompt: str
    first: str
    second: str


@dataclass(frozen=True)
class Opinion:
    """What the judge chose, and all it said; `invalid` where that names no choice."""

    choice: Choice
    reply: str


Keep = Callable[[int, Opinion], None]


class Judge(ABC):
    """`settings` are everything that can change an opinion; they are part of what it is cached under."""

    settings: dict[str, Any]

    @abstractmethod
    def compare(self, comparisons: Sequence[Comparison], keep: Keep) -> None:
        """Hand each opinion to `keep` with the place of its comparison as soon as it is known, in any order.

        `keep` may be called from several threads.
        """
