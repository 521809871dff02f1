"""The LightningModule for causal language modelling: answer loss, exact accumulation, the optimiser's schedule."""

import math
import random
import time
from dataclasses import dataclass
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from src.config.recipe import OptimizerName
from src.errors import FathomError
from src.models.loss import IGNORE, token_nll
from src.modules.batch import Pass
from src.modules.optimizers import make_optimizer
from src.modules.sharding import FullySharded


class TrainingDiverged(FathomError):
    """The loss or its gradient is no longer a finite number."""


@dataclass(frozen=True)
class Optimisation:
    """The optimiser and its schedule over at most `total_steps` optimiser steps."""

    total_steps: int
    lr: float
    schedule: str
    warmup_steps: int
    weight_decay: float
    beta1: float
    beta2: float
    grad_clip: float
    seed: int
    optimizer: OptimizerName = "adamw"
    constant_steps: int = 0

    def lr_factor(self, step: int) -> float:
        """Share of the peak learning rate at 0-based `step`: linear warm-up, then by the schedule.

        constant; inverse_sqrt: constant up to `constant_steps`, then falling as 1/√step, which needs no end (Vaswani et
        al. 1706.03762, 5.3); cosine: to 0 at the end.
        """
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "inverse_sqrt":
            return min(1.0, math.sqrt(self.constant_steps / (step + 1)))
        left = max(1, self.total_steps - self.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup_steps) / left))


class CausalLM(LightningModule):
    """Trains a causal LM on the passes of optimiser steps, `passes_per_step` of them to a step.

    The loss of a step is the sum over its answer tokens divided by their count, whatever the passes and ranks that it
    is spread over.
    """

    def __init__(self, model: PreTrainedModel, optimisation: Optimisation, passes_per_step: int = 1) -> None:
        super().__init__()
        self.model = model
        self.optimisation = optimisation
        self.passes_per_step = passes_per_step
        self.strict_loading = False  # checkpoints leave frozen weights out
        self.log_every = max(1, min(50, optimisation.total_steps // 100))
        self._loss = torch.zeros(())
        self._grad_norm = torch.zeros(())
        self._lr = 0.0
        self._tokens = 0
        self._since = time.perf_counter()

    def configure_model(self) -> None:
        if isinstance(self.trainer.strategy, FullySharded):
            self.trainer.strategy.shard(self, list(self.model.get_decoder().layers))

    def forward(self, batch: Pass) -> Tensor:
        """Negative log-likelihood of each target. A sharded model is gathered in no other place."""
        return token_nll(self.model, batch.input_ids, batch.position_ids, batch.targets, batch.example_lengths)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        o = self.optimisation
        trained = [p for p in self.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": o.weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},  # norms
        ]
        groups = [group for group in groups if group["params"]]
        optimizer = make_optimizer(o.optimizer, groups, lr=o.lr, betas=(o.beta1, o.beta2), seed=o.seed)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, o.lr_factor), "interval": "step"},
        }

    def on_train_start(self) -> None:
        self._since = time.perf_counter()

    def training_step(self, batch: Pass, batch_idx: int) -> Tensor:
        # Dropout must not depend on where a run was interrupted, nor repeat over seeds, ranks and passes. Python's
        # generator mixes them, since torch's on a CPU looks at 32 bits of a seed.
        seed = random.Random(f"{self.optimisation.seed}/{batch_idx}/{self.global_rank}").getrandbits(63)
        # Not torch.manual_seed: it notes a traceback for each kind of device that is not here, milliseconds a step.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        nll = self(batch).sum()
        self._loss = self._loss.to(nll.device) + nll.detach() / batch.answer_tokens
        self._tokens += batch.tokens
        # Lightning divides by the passes, and data-parallel training averages over ranks: neither is wanted.
        return nll * (self.passes_per_step * self.trainer.world_size / batch.answer_tokens)

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        self._lr = optimizer.param_groups[0]["lr"]
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), self.optimisation.grad_clip)
        self._grad_norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        # The norm is of the exchanged gradient, so all ranks see the same and stop together.
        if not torch.isfinite(self._grad_norm):
            raise TrainingDiverged(
                f"training diverged: the gradient is {float(self._grad_norm)} at optimiser step {self.global_step + 1} "
                f"of {self.optimisation.total_steps} (lr {self._lr:.2g}); lower recipe.lr or lengthen the warm-up"
            )

    def on_train_batch_end(self, outputs: Any, batch: Pass, batch_idx: int) -> None:
        if not batch.last:
            return
        step = self.global_step
        if step % self.log_every == 0 or step in (1, self.optimisation.total_steps):
            now = time.perf_counter()
            # Every rank's sums lack what the other ranks saw.
            sums = torch.stack([self._loss.double(), torch.tensor(self._tokens, device=self._loss.device).double()])
            loss, tokens = self.trainer.strategy.reduce(sums, reduce_op="sum").tolist()
            self.log_now(
                {
                    "train/loss": loss,
                    "train/lr": self._lr,
                    "train/grad_norm": float(self._grad_norm),
                    "train/tokens_per_second": tokens / (now - self._since),
                }
            )
            self._tokens, self._since = 0, now
        self._loss = torch.zeros_like(self._loss)

    def validation_step(self, batch: Pass, batch_idx: int) -> Tensor:
        """By example of the pass the loss summed over its answer tokens, and their number: (2, examples), float64."""
        nll = self(batch)
        started = (batch.position_ids == 0).flatten().cumsum(0)  # positions restart with every example
        of_target = started[(batch.targets != IGNORE).flatten()]
        _, example, tokens = of_target.unique_consecutive(return_inverse=True, return_counts=True)
        sums = torch.zeros(len(tokens), dtype=torch.float64, device=nll.device)
        return torch.stack([sums.index_add(0, example, nll.double()), tokens.double()])

    def on_train_end(self) -> None:
        # Lightning would move them to the host's memory, and keep them there.
        for optimizer in self.trainer.optimizers:
            optimizer.zero_grad()
            optimizer.state.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        frozen = {name for name, p in self.named_parameters(remove_duplicate=False) if not p.requires_grad}
        checkpoint["state_dict"] = {
            name: value
            for name, value in checkpoint["state_dict"].items()
            # What a quantised weight is read with (x.weight.absmax) belongs to it.
            if name not in frozen and f"{name.rpartition('.weight.')[0]}.weight" not in frozen
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning counts passes, and on another number of ranks a step has another number of them.
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        further = checkpoint["global_step"] * self.passes_per_step - progress["current"]["ready"]
        for counts in (progress["total"], progress["current"]):
            counts.update({name: count + further for name, count in counts.items()})

    def log_now(self, metrics: dict[str, float]) -> None:
        if self.logger is not None and self.trainer.is_global_zero:
            self.logger.log_metrics(metrics, step=self.global_step)
