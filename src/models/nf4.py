"""A frozen base in 4 bits: NF4, its scales quantised too (QLoRA, Dettmers et al. 2305.14314), by bitsandbytes."""

import torch
from torch.nn import Linear, Module
from transformers import PreTrainedModel

from src.config.model import Dtype
from src.models.optional import bitsandbytes


def quantise(model: PreTrainedModel, compute_dtype: Dtype) -> None:
    """Keep the weights of the blocks' linear layers in 4 bits; they are frozen, and multiplied in `compute_dtype`."""
    bnb = bitsandbytes("method=qlora")
    for parent, name, layer in linear_layers(model):
        kept = bnb.nn.Linear4bit(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            compute_dtype=getattr(torch, compute_dtype),
            quant_type="nf4",
            device="meta",
        )
        kept.weight = bnb.nn.Params4bit(
            layer.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True
        )
        kept.bias = layer.bias
        # On some CPUs it would pack weights anew between training and validation, and fail at some widths.
        kept.support_avx512bf16_for_cpu = False
        setattr(parent, name, kept.to(_device()))
    model.is_loaded_in_4bit = True  # type: ignore[assignment]  # peft asks for it


def round_to_nf4(model: PreTrainedModel) -> None:
    """Give the weights that `quantise` would keep in 4 bits the values that it would keep."""
    bnb = bitsandbytes("method=qlora")
    for _, _, layer in linear_layers(model):
        weight = layer.weight.data.to(_device())
        kept, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
        layer.weight.data.copy_(bnb.functional.dequantize_4bit(kept, state))


def is_quantised(model: Module) -> bool:
    return getattr(model, "is_loaded_in_4bit", False)


def linear_layers(model: PreTrainedModel) -> list[tuple[Module, str, Linear]]:
    """The linear layers of the model's blocks, each with its parent and its name there."""
    return [
        (parent, name, layer)
        for block in model.get_decoder().layers
        for parent in block.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, Linear)
    ]


def _device() -> torch.device:
    """An accelerator is many times as fast, and training and evaluation must round alike."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
