"""The precision that a model is evaluated in."""

import torch
from transformers import PreTrainedModel

from src.models.precision import cast_weights


def move(model: PreTrainedModel, device: torch.device, dtype: torch.dtype) -> None:
    """The model on `device` with its weights in `dtype`; its buffers keep their own."""
    cast_weights(model, dtype)
    model.to(device)  # type: ignore[arg-type]
