"""The Engine protocol: prompts in, completions out."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Engine(Protocol):
    """Completion of many prompts by one model."""

    def generate(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[list[int]]:
        """The completion of each prompt, in token ids, in the order of the prompts.

        A completion ends before the first stop token, which is left out; one of `max_new_tokens` ids was cut off.
        `on_progress` is called with the number of completions that were finished since its last call.
        """
        ...
