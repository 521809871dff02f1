"""Low-rank adapters through peft."""

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from src.config.method import Adapters
from src.errors import FathomError


def add_adapters(model: PreTrainedModel, method: Adapters, seed: int) -> PreTrainedModel:
    """The model with frozen weights and trainable adapters, initialised from `seed`."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=method.r,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=list(method.target_modules),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)  # type: ignore[return-value]  # behaves as the model it wraps
    except ValueError as error:
        raise FathomError(f"method.target_modules: {error}") from error


def merge_adapters(model: PreTrainedModel, adapters: Path) -> PreTrainedModel:
    """The base with the adapters kept in `adapters` added into its weights."""
    return PeftModel.from_pretrained(model, str(adapters)).merge_and_unload()
