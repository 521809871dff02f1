"""Validation while training: when it is measured, the weights it finds best, and the end of training it may call."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.distributed.fsdp import FSDPModule
from torch.nn import Parameter

from src.modules.batch import Pass
from src.modules.causal_lm import CausalLM
from src.modules.finetune_data import VALIDATED_TOGETHER, FinetuneData


class Validation(Callback):
    """Measures val/loss after the optimiser steps in `checks`.

    With `averaging`, it is measured on the average of the weights over about the last `averaging` of the steps taken,
    and that average is what training leaves. With `patience`, training leaves the weights of the best check, and ends
    once `patience` times the steps of the last check that was clearly better than the one before are taken: by more
    than `standard_errors` of the difference over the validation examples. All of this is part of a checkpoint.
    """

    def __init__(
        self,
        checks: Sequence[int],
        patience: float | None = None,
        averaging: float = 0.0,
        standard_errors: float = 0.0,
    ) -> None:
        self.checks = frozenset(checks)
        self.patience = patience
        self.averaging = averaging
        self.standard_errors = standard_errors
        self.curve: list[tuple[int, float]] = []  # optimiser steps, val/loss
        self.best_step = 0
        self.clear_step = 0  # of the last check that was clearly better than the one that was so before it
        self._clear = torch.empty(0)  # its losses by validation example, summed over tokens
        self._best: list[Tensor] = []
        self._average: list[Tensor] = []
        self._passes: list[Pass] = []

    def state_dict(self) -> dict[str, Any]:
        return {
            "curve": self.curve,
            "best_step": self.best_step,
            "best": self._best,
            "average": self._average,
            "clear_step": self.clear_step,
            "clear": self._clear,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.curve, self.best_step, self.clear_step = state["curve"], state["best_step"], state["clear_step"]
        self._best, self._average, self._clear = state["best"], state["average"], state["clear"]

    @property
    def best_loss(self) -> float:
        return dict(self.curve)[self.best_step]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, FinetuneData)
        self._passes = [part.to(trainer.strategy.root_device) for part in data.val_passes(trainer.global_rank)]
        if self.averaging and not self._average:
            self._average = [value.to(torch.float32, copy=True) for value in _values(pl_module)]
        self._average = [a.to(pl_module.device) for a in self._average]
        trainer.should_stop = self.converged

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Pass, batch_idx: int
    ) -> None:
        if not batch.last:
            return
        step = trainer.global_step
        if self.averaging:
            # 1 / averaging steps behind it would be a plain mean: from then on the span grows with the steps.
            share = (1 / self.averaging) / (step - 1 + 1 / self.averaging)
            for average, value in zip(self._average, _values(pl_module), strict=True):
                average.lerp_(value.float(), share)
        if step in self.checks and self._passes:
            self._check(trainer, pl_module, step)
            trainer.should_stop = self.converged

    def leave(self, module: LightningModule) -> None:
        """Put the weights that training is for into the module: the best, else the average, else the last."""
        left = self._best or self._average
        if left:
            _fill(module, left)

    def _check(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        assert isinstance(module, CausalLM)
        with self._averaged(module):
            losses, tokens = self._losses(trainer, module)
            loss = float(losses.sum() / tokens.sum())
            if self.patience and (not self.curve or loss < self.best_loss):
                self.best_step = step
                self._best = [value.to("cpu", copy=True) for value in _values(module)]
            if self.patience and (not self.curve or self._clearly_fell(losses, tokens)):
                self.clear_step, self._clear = step, losses
        self.curve.append((step, loss))
        module.log_now({"val/loss": loss})

    def _losses(self, trainer: Trainer, module: CausalLM) -> tuple[Tensor, Tensor]:
        """By validation example the loss summed over its answer tokens, and their number: (examples,), float64."""
        module.eval()
        # The passes are dealt out to the ranks in turn: so laid out, their examples are in one device's order.
        shape = (2, len(self._passes), trainer.world_size, VALIDATED_TOGETHER)
        sums = torch.zeros(shape, dtype=torch.float64, device=trainer.strategy.root_device)
        with torch.no_grad():
            for i, part in enumerate(self._passes):
                of_pass = trainer.strategy.validation_step(part, i)
                assert isinstance(of_pass, Tensor)
                sums[:, i, trainer.global_rank, : of_pass.shape[1]] = of_pass
        module.train()
        # The same numbers on every rank, so that all decide alike.
        losses, tokens = trainer.strategy.reduce(sums, reduce_op="sum").flatten(1).cpu()
        return losses[tokens > 0], tokens[tokens > 0]

    def _clearly_fell(self, losses: Tensor, tokens: Tensor) -> bool:
        """Whether the loss a token is lower than at the clear check, by more than `standard_errors`.

        Both are of the same examples, so what an example is worth by itself drops out of the difference. Its standard
        error is that of a ratio of sums (Cochran, Sampling Techniques, 1977, 6.13).
        """
        falls = self._clear - losses
        fall = falls.sum() / tokens.sum()
        examples = len(falls)
        error = (falls - fall * tokens).norm() / tokens.sum() * (examples / max(1, examples - 1)) ** 0.5
        return bool(fall > self.standard_errors * error)

    @property
    def converged(self) -> bool:
        """Whether the last check came so long after the last clear fall that training ends."""
        return bool(self.patience and self.curve and self.curve[-1][0] >= self.patience * self.clear_step)

    @contextmanager
    def _averaged(self, module: LightningModule) -> Iterator[None]:
        """Within, the module holds the average."""
        if not self.averaging:
            yield
            return
        own = [value.clone() for value in _values(module)]
        _fill(module, self._average)
        yield
        _fill(module, own)


def _trained(module: LightningModule) -> list[Parameter]:
    """What is trained; of a sharded module the shares that are stepped, not what the last pass has gathered of them."""
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.reshard()
    return [p for p in module.parameters() if p.requires_grad]


def _values(module: LightningModule) -> list[Tensor]:
    return [p.detach() for p in _trained(module)]


def _fill(module: LightningModule, values: list[Tensor]) -> None:
    for own, value in zip(_values(module), values, strict=True):
        own.copy_(value)


def evenly(checks: int, steps: int) -> list[int]:
    """So many steps, evenly spread over all of them."""
    every = max(1, steps // checks) if checks else steps + 1
    return list(range(every, steps + 1, every))
