"""The processes that work on a point together, and what they say to one another."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
from lightning import Fabric
from lightning.fabric.strategies import DDPStrategy
from torch import distributed

from src.config.trainer import Trainer
from src.modules.cluster import cluster, global_rank

logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it says that each rank is there

T = TypeVar("T")
# What one is waited for may take: an evaluation that is longer than the others', a point that another command is at.
PATIENCE = timedelta(days=7)


class Ranks:
    """One process a device, each a rank: 0 keeps the books and says what is to be done, the others do it with it.

    Those of this machine are started when the first of them has something to say. Where torchrun or SLURM has started
    them, or other nodes take part, all are joined at once, so that the end of one ends the others.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.rank = global_rank(trainer)
        self.size = trainer.ranks
        self._trainer = trainer
        self._joined = self.size > 1 and (trainer.num_nodes > 1 or cluster(trainer).creates_processes_externally)
        if self._joined:
            _join(trainer)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def told(self, say: Callable[[], T]) -> T:
        """What the first rank says; it alone is asked."""
        if self.size == 1:
            return say()
        said: list[Any] = [say() if self.first else None]
        distributed.broadcast_object_list(said, src=0, group=_join(self._trainer))
        answer: T = said[0]
        return answer

    def gathered(self, said: T) -> list[T]:
        """What every rank says, in their order, on the first; elsewhere nothing."""
        if self.size == 1:
            return [said]
        everything: list[Any] | None = [None] * self.size if self.first else None
        distributed.gather_object(said, everything, dst=0, group=_join(self._trainer))
        return everything or []

    def any(self, here: bool) -> bool:
        """Whether it holds on some rank."""
        if self.size == 1:
            return here
        somewhere = torch.tensor([here], dtype=torch.uint8)
        distributed.all_reduce(somewhere, distributed.ReduceOp.MAX, group=_join(self._trainer))
        return bool(somewhere)

    def dismiss(self) -> None:
        """Tell the others, where they wait, that there is nothing to do."""
        if self._joined:
            self.told(lambda: None)


@cache
def _join(trainer: Trainer) -> distributed.ProcessGroup:
    """The group that ranks talk in; those that nothing else starts are started."""
    threads = torch.get_num_threads()
    Fabric(
        accelerator=trainer.accelerator,
        devices=trainer.devices,
        num_nodes=trainer.num_nodes,
        strategy=DDPStrategy(process_group_backend=_backend(trainer)),  # that of training is made by the trainer
        plugins=[cluster(trainer)],
    ).launch()
    torch.set_num_threads(threads)  # Lightning sets another number
    group = distributed.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(group, distributed.ProcessGroup)
    return group


def _backend(trainer: Trainer) -> str | None:
    """What tensors are exchanged through; None: what the accelerator is for."""
    # Gradients that wait in the host's memory have their norm summed there, which NCCL cannot.
    return "cuda:nccl,cpu:gloo" if trainer.cpu_offload and trainer.accelerator == "gpu" else None
