"""Forward passes of a sharded model: its blocks are gathered from all ranks, so all must make the same number."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.distributed.fsdp import FSDPModule
from transformers import PreTrainedModel

from src.modules.ranks import Ranks


@contextmanager
def in_step(model: PreTrainedModel, ranks: Ranks) -> Iterator[None]:
    """Within, a rank passes whatever it likes through the model; at the end it makes blank passes until all are done.

    All ranks must enter it. A model that is whole on every rank is left alone.
    """
    if not isinstance(model, FSDPModule):
        yield
        return
    announced = model.get_decoder().register_forward_pre_hook(lambda *_: _announce(ranks))
    try:
        yield
    finally:
        announced.remove()
    while ranks.any(False):
        blank_pass(model)


def _announce(ranks: Ranks) -> None:
    """Those that are done learn before every pass that they are to take part in it."""
    ranks.any(True)


@torch.no_grad()
def blank_pass(model: PreTrainedModel) -> None:
    """One token through the blocks, for nothing but to gather them."""
    model.get_decoder()(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device), use_cache=False)
