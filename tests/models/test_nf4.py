"""A base in 4 bits, and the same values in float32."""

import pytest
import torch
from peft.tuners.lora.bnb import Linear4bit

from src.config.method import QLora
from src.models.load import fresh_model
from src.models.lora import add_adapters
from src.models.nf4 import quantise, round_to_nf4
from src.models.tiny import tiny_config

IDS = torch.arange(40).view(2, 20)


def base(family="llama3"):
    return fresh_model(tiny_config(family, "s"), seed=0).eval()


@pytest.mark.parametrize("family", ["llama3", "mistral"])
@torch.no_grad()
def test_the_base_in_4_bits_computes_what_its_rounded_weights_do(family):
    exact, quantised, rounded = base(family), base(family), base(family)
    quantise(quantised, "float32")
    round_to_nf4(rounded)
    torch.testing.assert_close(quantised(IDS).logits, rounded(IDS).logits, rtol=1e-4, atol=1e-4)
    assert (exact(IDS).logits - rounded(IDS).logits).abs().max() > 0.01
    assert torch.equal(exact.lm_head.weight, rounded.lm_head.weight)


def test_a_quarter_of_a_bfloat16_base_is_held_and_only_adapters_are_trained():
    exact, model = base(), base()
    quantise(model, "float32")
    held = sum(p.nbytes for p in model.model.layers.parameters())
    assert held < 0.27 * sum(p.numel() * 2 for p in exact.model.layers.parameters())
    method = QLora(name="qlora", r=2, alpha=4, dropout=0.0, target_modules=["q_proj", "down_proj"])
    adapted = add_adapters(model, method, seed=0)
    assert any(isinstance(module, Linear4bit) for module in adapted.modules())
    adapted(IDS).logits.sum().backward()
    moved = {name for name, p in adapted.named_parameters() if p.grad is not None}
    assert moved and all("lora_" in name for name in moved)
    assert all(p.dtype == torch.float32 for name, p in adapted.named_parameters() if "lora_" in name)
