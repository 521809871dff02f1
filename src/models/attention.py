"""Attention within each of the examples that lie one behind the other in a single row."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

BY_EXAMPLE = "sdpa_by_example"
# Kinds of layers in a model's configuration whose mask follows from an example's length and the window.
KNOWN_MASKS = {"full_attention", "sliding_attention"}


def attend_by_example(model: PreTrainedModel) -> PreTrainedModel:
    """The model; where it has torch's attention, it takes `example_lengths` from now on (see `_attention`).

    A model with layers of other kinds (chunks, states) keeps its own masks.
    """
    kinds = set(getattr(model.config, "layer_types", None) or ())
    if model.config._attn_implementation == "sdpa" and kinds <= KNOWN_MASKS:
        model.set_attn_implementation(BY_EXAMPLE)
    return model


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    example_lengths: tuple[int, ...] = (),
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal attention within examples of these lengths, which fill a single row; without lengths, torch's with a mask.

    A mask over the whole row would have every pair of tokens computed: of two examples as well as of one.
    """
    if not example_lengths:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
    window = kwargs.get("sliding_window")
    by_example = zip(*(states.split(example_lengths, dim=2) for states in (query, key, value)), strict=True)
    attended = [
        sdpa_attention_forward(module, q, k, v, _window_mask(q, window), dropout, scaling, **kwargs)[0]
        for q, k, v in by_example
    ]
    return torch.cat(attended, dim=1), None


def _window_mask(query: Tensor, window: int | None) -> Tensor | None:
    """What each token of one example looks back at; None: at all before it, which needs no mask."""
    length = query.shape[2]
    if window is None or length <= window:
        return None
    return torch.ones(1, 1, length, length, dtype=torch.bool, device=query.device).tril().triu(1 - window)


AttentionInterface.register(BY_EXAMPLE, _attention)
AttentionMaskInterface.register(BY_EXAMPLE, sdpa_mask)
