"""The dtype that a model's weights are held in."""

import torch
from torch.nn import Module


def cast_weights(model: Module, dtype: torch.dtype) -> None:
    """Round the floating-point parameters to `dtype`; buffers keep their own.

    `model.to(dtype)` would round the rotary frequencies (`inv_freq`) too, and their error grows with the position: in
    bfloat16 it is 0.36 rad at token 200 of Llama 3.
    """
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
