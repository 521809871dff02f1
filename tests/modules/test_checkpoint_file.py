"""Checkpoints on the disk: no copy in memory, whole or not at all."""

import resource
import tracemalloc

import pytest
import torch

from src.modules.checkpoint_file import CheckpointFile


def test_writing_makes_no_copy_in_memory(tmp_path):
    checkpoint = {"weights": [torch.full((1_000_000,), float(i)) for i in range(8)]}  # 32 MB
    tracemalloc.start()
    CheckpointFile().save_checkpoint(checkpoint, tmp_path / "a" / "step=1.ckpt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6
    read = CheckpointFile().load_checkpoint(tmp_path / "a" / "step=1.ckpt")
    assert all(torch.equal(one, other) for one, other in zip(read["weights"], checkpoint["weights"], strict=True))


def test_a_full_disk_leaves_the_checkpoint_of_before_and_tells_the_systems_error(tmp_path):
    file = tmp_path / "step=1.ckpt"
    CheckpointFile().save_checkpoint({"step": torch.ones(10)}, file)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            CheckpointFile().save_checkpoint({"step": torch.ones(1_000_000)}, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(CheckpointFile().load_checkpoint(file)["step"], torch.ones(10))
