"""The LightningDataModule of a finetuning run: the plan of optimiser steps, served pass by pass."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from src.models.prompt import Encoded
from src.modules.batch import Layout, Pass, even_out, lay_out
from src.modules.plan import StepPlan, spread

VALIDATED_TOGETHER = 32  # examples


class FinetuneData(LightningDataModule):
    """Serves the passes of each optimiser step of `plan`; after a resume, from the step that was reached.

    `train` and `val` are encoded examples, `plan` holds the indices into `train` of each step. Its examples are shared
    out among `world_size` ranks, nearly equal tokens to each. Every step has `passes_per_step` passes on every rank;
    Lightning accumulates gradients over them. `val` is the Validation
    callback's to go through: Lightning's own validation knows no steps that grow.
    """

    def __init__(
        self,
        train: Sequence[Encoded],
        val: Sequence[Encoded],
        plan: StepPlan,
        layout: Layout,
        world_size: int = 1,
    ) -> None:
        super().__init__()
        self.train = train
        self.val = val
        self.plan = plan
        self.layout = layout
        self.world_size = world_size
        fits = plan.batch_size * max(len(example) for example in train) <= layout.micro_batch_tokens
        shares = () if fits else (share for step in range(len(plan)) for share in self._shares(step))
        lengths = ([len(train[i]) for i in share] for share in shares if share)
        self.passes_per_step = max(map(layout.passes, lengths), default=1)

    def passes(self, step: int, rank: int = 0) -> list[Pass]:
        """What `rank` computes in a step. The last pass of every rank is marked, since it ends the step there."""
        share = self._shares(step)[rank]
        laid_out = lay_out([self.train[i] for i in share], self.layout) if share else []
        mine = even_out(laid_out, self.passes_per_step)
        answer_tokens = sum(len(self.train[i].answer) for i in self.plan[step])
        return [replace(part, answer_tokens=answer_tokens, last=i == len(mine) - 1) for i, part in enumerate(mine)]

    def _shares(self, step: int) -> list[list[int]]:
        """The examples of a step by rank. A rank has none where there are fewer than ranks."""
        examples = self.plan[step]
        if self.world_size == 1:
            return [examples]
        parts = spread([len(self.train[i]) for i in examples], self.world_size)
        return [[examples[i] for i in part] for part in parts]

    def in_smaller_passes(self) -> "FinetuneData | None":
        """The same steps with half the tokens in a pass; None where a pass holds no more than an example already.

        None on several ranks too: memory runs out on one of them, and the others wait for it.
        """
        tokens = self.layout.micro_batch_tokens // 2
        if self.world_size > 1 or tokens < max(len(example) for example in self.train):
            return None
        layout = replace(self.layout, micro_batch_tokens=tokens)
        return FinetuneData(self.train, self.val, self.plan, layout, self.world_size)

    def train_dataloader(self) -> DataLoader[Pass]:
        assert self.trainer is not None
        # Lightning asks for the loader after a checkpoint's step count is restored.
        start = self.trainer.global_step * self.passes_per_step
        passes = _TrainPasses(self, self.trainer.global_rank)
        return DataLoader(passes, batch_size=None, sampler=_From(start, len(passes)))

    def val_passes(self, rank: int = 0) -> list[Pass]:
        """The passes over `val` that are `rank`'s: equally many on every rank."""
        if not self.val:
            return []
        starts = range(0, len(self.val), VALIDATED_TOGETHER)
        chunks = [self.val[i : i + VALIDATED_TOGETHER] for i in starts]
        passes = [part for chunk in chunks for part in lay_out(chunk, self.layout)]
        return even_out(passes, -(-len(passes) // self.world_size) * self.world_size)[rank :: self.world_size]

    def transfer_batch_to_device(self, batch: Pass, device: torch.device, dataloader_idx: int) -> Pass:
        return batch.to(device)


class _TrainPasses(Dataset[Pass]):
    def __init__(self, data: FinetuneData, rank: int) -> None:
        self.data = data
        self.rank = rank
        self._step = -1
        self._passes: list[Pass] = []

    def __len__(self) -> int:
        return len(self.data.plan) * self.data.passes_per_step

    def __getitem__(self, index: int) -> Pass:
        step, part = divmod(index, self.data.passes_per_step)
        if step != self._step:
            self._step, self._passes = step, self.data.passes(step, self.rank)
        return self._passes[part]


class _From(Sampler[int]):
    """Counts from `start`, yet reports the whole length: Lightning compares it with all batches ever seen."""

    def __init__(self, start: int, total: int) -> None:
        self.start = start
        self.total = total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.total))

    def __len__(self) -> int:
        return self.total
