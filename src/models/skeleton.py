"""A model without its weights, for the ranks that are sent them."""

from pathlib import Path

import torch
from accelerate import init_empty_weights
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from src.config.model import Dtype


def skeleton(
    config: PretrainedConfig | Path,
    dtype: Dtype = "float32",
    attn_implementation: str = "sdpa",
    trust_remote_code: bool = False,
) -> PreTrainedModel:
    """The model of a config, or of the one in a directory, whose parameters are on the meta device."""
    if isinstance(config, Path):
        config = AutoConfig.from_pretrained(config, trust_remote_code=trust_remote_code)
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(
            config,
            dtype=getattr(torch, dtype),
            attn_implementation=attn_implementation,
            trust_remote_code=trust_remote_code,
        )
    model.tie_weights()  # every parameter was replaced, the tied ones by different ones
    return model
