"""The loss of reference answers: smooth where accuracy still sits on the floor."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from src.generation.batches import length_sorted_batches
from src.models.loss import state_nll

# On a CPU what is larger falls out of the cache: 4,096 tokens take 0.7 of the time that 32,768 take (tiny models).
_CPU_TOKENS = 4096


def answer_nll(
    model: PreTrainedModel, items: Sequence[tuple[list[int], list[int]]], batch_tokens: int
) -> list[tuple[float, int]]:
    """Teacher-forced negative log-likelihood of each answer: its sum in nats, and the number of its tokens.

    `items` are (prompt ids, answer ids), the prompt not empty. A batch's rows times its longest item stay within
    `batch_tokens`. The cross entropy is taken in float32 whatever the model computes in. Sets the model to eval mode.
    """
    losses = nll_of_batches(model, items, batch_tokens, slice(None))
    return [losses[i] for i in range(len(items))]


@torch.inference_mode()
def nll_of_batches(
    model: PreTrainedModel, items: Sequence[tuple[list[int], list[int]]], batch_tokens: int, batches: slice
) -> dict[int, tuple[float, int]]:
    """As `answer_nll`, of those of its batches alone, by the places of their items.

    Batches are the same whoever computes them, and so are the losses, to the last bit.
    """
    model.eval()
    if model.device.type == "cpu":
        batch_tokens = min(batch_tokens, _CPU_TOKENS)
    losses = {}
    for batch in length_sorted_batches([len(prompt) + len(answer) for prompt, answer in items], batch_tokens)[batches]:
        nll = batch_nll(model, [items[i] for i in batch]).split([len(items[i][1]) for i in batch])
        for i, answer in zip(batch, nll, strict=True):
            losses[i] = (float(answer.double().sum()), len(answer))
    return losses


def batch_nll(model: PreTrainedModel, items: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    """The loss of every answer token of `items`, one item after the other."""
    width = max(len(prompt) + len(answer) for prompt, answer in items)
    # Padding on the right needs no attention mask: nothing looks ahead.
    input_ids = torch.zeros(len(items), width, dtype=torch.long)
    answers = torch.zeros(len(items), width, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(items):
        length = len(prompt) + len(answer)
        input_ids[row, :length] = torch.tensor(prompt + answer)
        answers[row, len(prompt) : length] = True
    input_ids, answers = input_ids.to(model.device), answers.to(model.device)
    hidden = model.get_decoder()(input_ids=input_ids, use_cache=False).last_hidden_state
    # The state before a token predicts it. Only these go through the output layer.
    states = hidden[:, :-1][answers[:, 1:]]
    return state_nll(model, states, input_ids[answers])
