"""Sampling: tokens drawn at a temperature, in the same batch that stays full."""

from collections.abc import Collection

import torch
from torch import Tensor
from transformers import PreTrainedModel

from src.generation.greedy import GreedyEngine


class SampledEngine(GreedyEngine):
    """Each token is drawn from softmax(logits / temperature), in float64.

    The same seed, prompts and `batch_tokens` give the same completions on the same device.
    """

    def __init__(
        self, model: PreTrainedModel, stop_ids: Collection[int], batch_tokens: int, temperature: float, seed: int
    ) -> None:
        super().__init__(model, stop_ids, batch_tokens)
        self.temperature = temperature
        self.random = torch.Generator(model.device).manual_seed(seed)

    def choose(self, logits: Tensor) -> Tensor:
        probabilities = torch.softmax(logits.double() / self.temperature, dim=-1)
        return torch.multinomial(probabilities, 1, generator=self.random)[:, 0]
