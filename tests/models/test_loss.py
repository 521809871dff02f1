"""The loss in chunks: the same numbers and gradients, and no more logits at a time than allowed."""

import weakref

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from src.models import loss
from src.models.loss import IGNORE, token_nll

VOCABULARY = 64


def model(tied=True):
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **shape, tie_word_embeddings=tied)).train()


def batch():
    torch.manual_seed(1)
    ids = torch.randint(VOCABULARY, (3, 20))
    targets = torch.where(torch.rand(3, 20) < 0.6, ids.roll(-1, 1), IGNORE)
    return ids, torch.arange(20).expand(3, 20), targets


def losses_and_gradients(trained):
    nll = token_nll(trained, *batch())
    (nll * torch.linspace(0.5, 2.0, len(nll))).sum().backward()
    return nll.detach(), [p.grad for p in trained.parameters()]


@pytest.mark.parametrize("positions", [1, 7, 10_000])
@pytest.mark.parametrize("tied", [True, False])
def test_chunks_have_the_losses_and_the_gradients_of_the_whole(monkeypatch, positions, tied):
    whole, gradients = losses_and_gradients(model(tied))
    monkeypatch.setattr(loss, "LOGITS", positions * VOCABULARY)
    chunked, of_chunks = losses_and_gradients(model(tied))
    torch.testing.assert_close(chunked, whole, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(of_chunks, gradients, rtol=1e-6, atol=1e-6)
    if positions == 10_000:
        assert torch.equal(chunked, whole)
        assert all(torch.equal(one, other) for one, other in zip(of_chunks, gradients, strict=True))


def test_forward_and_backward_hold_the_logits_of_one_chunk_at_a_time(monkeypatch):
    monkeypatch.setattr(loss, "LOGITS", 5 * VOCABULARY + 3)
    trained = model()
    alive: set[int] = set()
    most = []

    def count(module, inputs, logits):
        number = len(most)
        alive.add(number)
        weakref.finalize(logits, alive.discard, number)
        most.append(len(alive))
        assert len(logits) <= 5

    trained.lm_head.register_forward_hook(count)
    nll = token_nll(trained, *batch())
    forward = len(most)
    assert forward == -(-len(nll) // 5)
    nll.sum().backward()
    assert len(most) == 2 * forward
    assert max(most) == 1
