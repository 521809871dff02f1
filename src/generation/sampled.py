"""Sampling: tokens drawn at a temperature, in the same batch that stays full."""

from collections.abc import Callable, Collection, Sequence
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedModel

from src.generation.greedy import GreedyEngine


class SampledEngine(GreedyEngine):
    """Each token is drawn from softmax(logits / temperature), in float64.

    What a prompt draws depends on `seed` and on its number in `numbers`, not on what it is answered beside: the same
    completions come from any part of the prompts, on the same device and as far as rounding lets batches agree.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        stop_ids: Collection[int],
        batch_tokens: int,
        temperature: float,
        seed: int,
        numbers: Sequence[int],
        stopped: Callable[[list[int]], bool] = lambda _: False,
    ) -> None:
        super().__init__(model, stop_ids, batch_tokens, stopped)
        self.temperature = temperature
        self.random = [Random(f"{seed}/{number}") for number in numbers]

    def choose(self, logits: Tensor, places: Sequence[int]) -> Tensor:
        below = torch.softmax(logits.double() / self.temperature, dim=-1).cumsum(dim=-1)
        drawn = torch.tensor([[self.random[place].random()] for place in places], dtype=below.dtype).to(below.device)
        # The first token with more than so much at or below it: one without probability never is.
        return torch.searchsorted(below, drawn * below[:, -1:], right=True)[:, 0]
