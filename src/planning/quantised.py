"""A base in 4 bits (method=qlora) without data: bitsandbytes' own kernels need some."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

from src.config.model import Dtype
from src.models.nf4 import linear_layers, quantise

SAMPLE = 1024  # the width of the matrix that is really quantised


def stand_in_for_4_bits(model: PreTrainedModel, compute_dtype: Dtype) -> None:
    """In the place of each layer that `quantise` would replace, one that takes the memory which that one takes."""
    for parent, name, layer in linear_layers(model):
        setattr(parent, name, _Packed(layer, getattr(torch, compute_dtype)))


@cache
def bytes_a_weight() -> float:
    """With the scales of its blocks, seen where one matrix is really quantised."""
    block: Any = nn.Module()
    block.get_decoder = lambda: block
    with torch.device("cpu"):  # whatever is built around it has no data
        block.layers = nn.ModuleList([nn.Sequential(nn.Linear(SAMPLE, SAMPLE, bias=False))])
        quantise(block, "bfloat16")
    weight = block.layers[0][0].weight
    scales = [value for value in weight.quant_state.as_dict(packed=True).values() if isinstance(value, Tensor)]
    return (weight.nbytes + sum(value.nbytes for value in scales)) / SAMPLE**2


class _Packed(nn.Linear):
    """Bytes instead of weights, which become a matrix for the time of a product: once forth and once back."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=False, device="meta")
        packed = round(bytes_a_weight() * layer.weight.numel())
        self.weight = nn.Parameter(torch.empty(packed, dtype=torch.uint8, device="meta"), requires_grad=False)
        self.dtype = dtype

    def forward(self, input: Tensor) -> Tensor:
        shape = (self.out_features, self.in_features)
        return _Product.apply(input.to(self.dtype), shape).to(input.dtype)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, shape: tuple[int, int]) -> Tensor:
        ctx.shape = shape
        return states @ states.new_empty(shape).t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient @ gradient.new_empty(ctx.shape), None
