import pytest
import torch

from src.models.load import fresh_model
from src.models.skeleton import skeleton
from src.models.tiny import tiny_config


@pytest.mark.parametrize("read", [False, True])
def test_a_skeleton_is_the_model_without_a_weight_in_memory(tmp_path, read):
    config = tiny_config("llama3", "s")
    model = fresh_model(config, seed=0, dtype="bfloat16")
    if read:
        model.save_pretrained(tmp_path)
    empty = skeleton(tmp_path if read else config, "bfloat16")
    assert type(empty) is type(model)
    assert {name: (p.shape, p.dtype) for name, p in empty.named_parameters()} == {
        name: (p.shape, p.dtype)
        for name, p in model.named_parameters()  # tied ones once
    }
    assert all(p.is_meta for p in empty.parameters())
    for (name, buffer), (_, own) in zip(model.named_buffers(), empty.named_buffers(), strict=True):
        torch.testing.assert_close(own, buffer, rtol=0, atol=0, msg=name)
