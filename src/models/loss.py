"""The loss of a causal language model on chosen positions."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from src.models.attention import BY_EXAMPLE

IGNORE = -100
# Logits in memory at a time (float32: 256 MiB); with a vocabulary of 128k that is 523 positions.
LOGITS = 2**26


def token_nll(
    model: PreTrainedModel,
    input_ids: Tensor,
    position_ids: Tensor,
    targets: Tensor,
    example_lengths: tuple[int, ...] = (),
) -> Tensor:
    """Negative log-likelihood, in nats, of each target.

    `input_ids`, `position_ids` and `targets` are (rows, tokens); `targets` holds at each position the token to be
    predicted from there, or IGNORE. Positions that jump back start a new example that attends to nothing before it.
    `example_lengths` are those of the examples that fill a single row, where they are known: they spare a model that
    can use them (attend_by_example) the mask, and the pairs of tokens that it hides.
    Returns one float32 value for each target that is not ignored, in row-major order.

    Only the chosen positions go through the output layer, and no more of them at a time than make LOGITS logits: with a
    vocabulary of 128k the logits of all positions would outweigh everything else in memory.
    """
    attention: dict[str, Any] = {}
    if example_lengths and model.config._attn_implementation == BY_EXAMPLE:
        # A mask that is there already, if of no size, is not made.
        attention = {"example_lengths": example_lengths, "attention_mask": input_ids.new_empty(1, 1, 0, 0)}
    decoder = model.get_decoder()
    hidden = decoder(input_ids=input_ids, position_ids=position_ids, use_cache=False, **attention).last_hidden_state
    chosen = targets != IGNORE
    return state_nll(model, hidden[chosen], targets[chosen])


def state_nll(model: PreTrainedModel, states: Tensor, targets: Tensor) -> Tensor:
    """As `token_nll`, from the hidden states (targets, width) that predict the targets."""
    head = model.get_output_embeddings()
    at_a_time = max(1, LOGITS // model.config.vocab_size)
    if len(targets) <= at_a_time:
        return _nll(head, states, targets)
    chunks = zip(states.split(at_a_time), targets.split(at_a_time), strict=True)
    if not torch.is_grad_enabled():
        return torch.cat([_nll(head, some, target) for some, target in chunks])
    # The backward pass computes a chunk's logits again rather than finding all of them kept.
    return torch.cat([checkpoint(_nll, head, some, target, use_reentrant=False) for some, target in chunks])


def _nll(head: Module, states: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(head(states).float(), targets, reduction="none")
