"""Models and tokenizers in memory: from a directory, or with fresh weights."""

from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from src.config.model import Architecture, Dtype
from src.errors import FathomError

disable_progress_bar()  # of reading and writing shards: the point's own bars say where it is


def load_model(
    directory: Path, dtype: Dtype = "float32", attn_implementation: str = "sdpa", trust_remote_code: bool = False
) -> PreTrainedModel:
    """The causal language model kept in `directory` (safetensors only: pickles can run code)."""
    try:
        return AutoModelForCausalLM.from_pretrained(
            directory,
            dtype=getattr(torch, dtype),
            attn_implementation=attn_implementation,
            trust_remote_code=trust_remote_code,
            use_safetensors=True,
        )
    except (OSError, ValueError, ImportError) as error:
        raise FathomError(f"model: {directory} cannot be loaded: {str(error).splitlines()[0]}") from error


def load_tokenizer(directory: Path, trust_remote_code: bool = False) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(directory, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise FathomError(f"model: no tokenizer in {directory}: {str(error).splitlines()[0]}") from error


def fresh_model(config: LlamaConfig | MistralConfig, seed: int, dtype: Dtype = "float32") -> PreTrainedModel:
    """A model with random weights, the same for the same seed."""
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))


def hub_architecture(shape: Architecture, tokenizer: PreTrainedTokenizerBase) -> LlamaConfig | MistralConfig:
    """The transformers config of a hub model, known without the hub."""
    if len(tokenizer) > shape.vocab_size:
        raise FathomError(
            f"model.architecture.vocab_size: {shape.vocab_size} is below the tokenizer's {len(tokenizer)} tokens"
        )
    fields = shape.model_dump(exclude={"model_type", "rope_theta", "sliding_window"})
    fields |= {
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": False,
    }
    if shape.model_type == "mistral":
        return MistralConfig(**fields, sliding_window=shape.sliding_window)
    return LlamaConfig(**fields)
