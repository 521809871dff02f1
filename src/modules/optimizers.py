"""The optimisers that a recipe can name. docs/memory.md has what each holds in memory."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer

from src.config.recipe import OptimizerName
from src.models.optional import bitsandbytes

AT_A_TIME = 2**24  # weights that are in float32 at a time


def make_optimizer(
    name: OptimizerName, groups: Iterable[dict[str, Any]], *, lr: float, betas: tuple[float, float], seed: int
) -> Optimizer:
    """AdamW (Loshchilov & Hutter 1711.05101) over `groups` of parameters, each with its `weight_decay`."""
    if name == "adamw_bf16_stochastic":
        return StochasticAdamW(groups, lr=lr, betas=betas, seed=seed)
    if name in ("adamw_8bit", "paged_adamw_8bit"):
        optim = bitsandbytes(f"recipe.optimizer={name}").optim
        of_8_bits = optim.PagedAdamW8bit if name == "paged_adamw_8bit" else optim.AdamW8bit
        return of_8_bits(groups, lr=lr, betas=betas)
    return AdamW(groups, lr=lr, betas=betas, fused=True)


class StochasticAdamW(Optimizer):
    """AdamW on bfloat16 weights with bfloat16 moments, both rounded stochastically (Ozkara et al. 2502.20566).

    A step is computed in float32 from what is kept, and kept again in one of the two neighbouring bfloat16 values, each
    with the probability that makes the mean right: small updates add up, where rounding to the nearest loses them. The
    draws depend on `seed`, the step and the place of a parameter alone, so that a resumed run goes on exactly and all
    ranks of data-parallel training round alike.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, betas: tuple[float, float], seed: int, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": 1e-8})
        self.seed = seed

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        placed = ((group, p) for group in self.param_groups for p in group["params"])
        for place, (group, parameter) in enumerate(placed):
            if parameter.grad is not None:
                self._update(parameter, group, place)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any], place: int) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        step, lr, (beta1, beta2) = int(state["step"]), group["lr"], group["betas"]
        generator = torch.Generator(parameter.device)
        # By way of Python's generator: torch's on a CPU takes 32 bits of a seed.
        generator.manual_seed(random.Random(f"{self.seed}/{step}/{place}").getrandbits(63))
        kept = [_flat(t).split(AT_A_TIME) for t in (parameter, state["exp_avg"], state["exp_avg_sq"])]
        for gradient, *parts in zip(_flat(parameter.grad).split(AT_A_TIME), *kept, strict=True):
            gradient = gradient.float()
            weight, mean, square = (part.float() for part in parts)
            mean.lerp_(gradient, 1 - beta1)
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            scale = (square / (1 - beta2**step)).sqrt_().add_(group["eps"])
            weight.mul_(1 - lr * group["weight_decay"]).addcdiv_(mean, scale, value=-lr / (1 - beta1**step))
            for part, value in zip(parts, (weight, mean, square), strict=True):
                part.copy_(stochastically_rounded(value, generator))


def stochastically_rounded(values: Tensor, generator: torch.Generator) -> Tensor:
    """Finite float32 values with the 16 low bits of each rounded to 0, up or down by chance: exact in bfloat16.

    The mean over the draws is the value itself.
    """
    bits = values.view(torch.int32)
    noise = torch.randint(2**16, bits.shape, dtype=torch.int32, device=bits.device, generator=generator)
    return noise.add_(bits).bitwise_and_(-(2**16)).view(torch.float32)


def _flat(values: Tensor | None) -> Tensor:
    """What this rank holds of `values`, in one dimension."""
    assert values is not None
    return (values.to_local() if isinstance(values, DTensor) else values).reshape(-1)
