"""The reference engine: transformers' own `generate`."""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from transformers import GenerationConfig, PreTrainedModel

from src.generation.batches import length_sorted_batches


class HfEngine:
    """`model.generate`, greedy, with a KV cache and left padding; see `src/generation/engine.py` for the contract.

    A batch's rows times (longest prompt + new tokens) stay within `batch_tokens`. The model is set to eval mode.
    """

    def __init__(self, model: PreTrainedModel, stop_ids: Collection[int], batch_tokens: int) -> None:
        self.model = model
        self.stop_ids = sorted(stop_ids)
        self.batch_tokens = batch_tokens

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        on_finished: Callable[[Mapping[int, list[int]]], None] | None = None,
    ) -> list[list[int]]:
        self.model.eval()
        completions: list[list[int]] = [[] for _ in prompts]
        # `generate` fills what a config leaves open (penalties, minimal lengths, …) from the model's own config.
        own = self.model.generation_config
        self.model.generation_config = GenerationConfig(
            do_sample=False,
            max_new_tokens=max_new_tokens,
            eos_token_id=self.stop_ids,
            pad_token_id=self.stop_ids[0],
        )
        try:
            for batch in length_sorted_batches([len(prompt) + max_new_tokens for prompt in prompts], self.batch_tokens):
                for i, completion in zip(batch, self._complete([prompts[i] for i in batch]), strict=True):
                    completions[i] = completion
                if on_finished:
                    on_finished({i: completions[i] for i in batch})
        finally:
            self.model.generation_config = own
        return completions

    def _complete(self, prompts: list[list[int]]) -> list[list[int]]:
        width = max(len(prompt) for prompt in prompts)
        input_ids = torch.zeros(len(prompts), width, dtype=torch.long)
        attention_mask = torch.zeros_like(input_ids)
        for row, prompt in enumerate(prompts):
            input_ids[row, width - len(prompt) :] = torch.tensor(prompt)
            attention_mask[row, width - len(prompt) :] = 1
        device = self.model.device
        output = self.model.generate(  # type: ignore[operator]
            input_ids.to(device), attention_mask=attention_mask.to(device)
        )
        return [self._until_stop(row) for row in output[:, width:].tolist()]

    def _until_stop(self, row: list[int]) -> list[int]:
        return row[: next((n for n, token in enumerate(row) if token in self.stop_ids), len(row))]
