"""The tiny families: real Llama and Mistral architectures at 0.3, 0.8 and 3 million parameters.

What tells the families apart is kept: Llama 2 has multi-head attention, rotary base 10,000 and the smaller vocabulary;
Llama 3 has grouped-query attention, rotary base 500,000 and the larger vocabulary; Mistral has grouped-query attention
and a sliding window. Input and output embeddings are tied, else they would be most of the parameters.
"""

from dataclasses import dataclass
from typing import Any, Literal

from transformers import LlamaConfig, MistralConfig

from src.models.tokenizer import build_tokenizer

Family = Literal["llama2", "llama3", "mistral"]
Size = Literal["s", "m", "l"]


@dataclass(frozen=True)
class _Shape:
    hidden: int
    intermediate: int
    layers: int
    heads: int


_SHAPES = {
    "s": _Shape(hidden=80, intermediate=192, layers=3, heads=4),
    "m": _Shape(hidden=128, intermediate=288, layers=4, heads=4),
    "l": _Shape(hidden=224, intermediate=448, layers=6, heads=8),
}
_VOCAB_SIZE = {"llama2": 1024, "llama3": 1536, "mistral": 1024}
_ROPE_THETA = {"llama2": 10_000.0, "llama3": 500_000.0, "mistral": 10_000.0}
# Shorter than a pretraining sequence, so that it cuts.
_SLIDING_WINDOW = 128
_CONTEXT = 2048


def tiny_config(family: Family, size: Size) -> LlamaConfig | MistralConfig:
    """The architecture of one tiny base; its vocabulary is that of `tiny_tokenizer(family)`."""
    shape = _SHAPES[size]
    grouped = family != "llama2"
    common: dict[str, Any] = {
        "vocab_size": _VOCAB_SIZE[family],
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads // 2 if grouped else shape.heads,
        "max_position_embeddings": _CONTEXT,
        "rope_parameters": {"rope_type": "default", "rope_theta": _ROPE_THETA[family]},
        "tie_word_embeddings": True,
        # Of unit scale at these widths; the usual 0.02 is meant for widths in the thousands and starts slowly here.
        "initializer_range": shape.hidden**-0.5,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    }
    if family == "mistral":
        return MistralConfig(sliding_window=_SLIDING_WINDOW, **common)
    return LlamaConfig(**common)


def tiny_tokenizer(family: Family) -> Any:
    """The tokenizer of a tiny family (a PreTrainedTokenizerFast)."""
    return build_tokenizer(_VOCAB_SIZE[family])
