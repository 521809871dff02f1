import pytest
import torch

from src.models.out_of_memory import OutOfMemory, within_memory


def test_an_allocation_that_fails_says_what_was_done_how_much_was_asked_and_what_to_do():
    with pytest.raises(OutOfMemory, match=r"^memory ran out while counting \(1048576.00 GiB more\): count less$"):
        with within_memory("counting", "count less"):
            torch.empty(2**50, dtype=torch.uint8)


def test_an_accelerators_error_keeps_its_number():
    @within_memory("training", "train less")
    def train():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of …")

    with pytest.raises(OutOfMemory, match=r"while training \(2.50 GiB more\): train less"):
        train()


def test_without_a_number_none_is_told_and_other_errors_pass():
    with pytest.raises(OutOfMemory, match="while reading: read less"), within_memory("reading", "read less"):
        raise MemoryError
    with pytest.raises(RuntimeError, match="shapes"), within_memory("reading", "read less"):
        raise RuntimeError("shapes do not match")
