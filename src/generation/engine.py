"""The Engine protocol: prompts in, completions out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class Engine(Protocol):
    """Completion of many prompts by one model."""

    def generate(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        on_finished: Callable[[Mapping[int, list[int]]], None] | None = None,
    ) -> list[list[int]]:
        """The completion of each prompt, in token ids, in the order of the prompts.

        A completion ends before the first stop token, which is left out; one of `max_new_tokens` ids was cut off
        (or of more, where a server told its text alone: `src/generation/server_engine.py`).
        `on_finished` is called with the completions, by the place of their prompts, that were finished since its last
        call.
        """
        ...
