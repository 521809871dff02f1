"""The loss of a causal language model on chosen positions."""

from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

IGNORE = -100


def token_nll(model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood, in nats, of each target.

    `input_ids`, `position_ids` and `targets` are (rows, tokens); `targets` holds at each position the token to be
    predicted from there, or IGNORE. Positions that jump back start a new example that attends to nothing before it.
    Returns one float32 value for each target that is not ignored, in row-major order.

    Only the chosen positions go through the output layer: with a vocabulary of 128k the logits of all positions would
    outweigh everything else in memory.
    """
    hidden = model.get_decoder()(input_ids=input_ids, position_ids=position_ids, use_cache=False).last_hidden_state
    chosen = targets != IGNORE
    logits = model.get_output_embeddings()(hidden[chosen])
    return functional.cross_entropy(logits.float(), targets[chosen], reduction="none")
