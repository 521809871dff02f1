import random

import pytest
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedModel

from src.generation.nll import answer_nll

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


@pytest.fixture(scope="module", params=["llama", "mistral"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    torch.manual_seed(0)
    if request.param == "llama":
        return LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True)).eval()
    return MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=6)).eval()


def draw_items(number: int) -> list[tuple[list[int], list[int]]]:
    draw = random.Random(0)
    return [
        (
            [draw.randrange(64) for _ in range(draw.randint(1, 20))],
            [draw.randrange(64) for _ in range(draw.randint(0, 9))],
        )
        for _ in range(number)
    ]


def plain_nll(model: PreTrainedModel, prompt: list[int], answer: list[int]) -> float:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    return (
        float(functional.cross_entropy(logits[: len(answer)], torch.tensor(answer), reduction="sum")) if answer else 0.0
    )


@pytest.mark.parametrize("batch_tokens", [1, 100, 10_000])
def test_the_loss_of_the_full_logits(model: PreTrainedModel, batch_tokens: int) -> None:
    items = draw_items(30)
    losses = answer_nll(model, items, batch_tokens)
    assert [count for _, count in losses] == [len(answer) for _, answer in items]
    expected = [plain_nll(model, prompt, answer) for prompt, answer in items]
    assert [loss for loss, _ in losses] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_output_layer_in_chunks_changes_nothing(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    items = draw_items(30)
    whole = answer_nll(model, items, 10_000)
    monkeypatch.setattr("src.models.loss.LOGITS", 64 * 7)
    assert [loss for loss, _ in answer_nll(model, items, 10_000)] == pytest.approx(
        [loss for loss, _ in whole], rel=1e-5
    )


def test_bfloat16_is_summed_in_float32() -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).to(torch.bfloat16)
    items = draw_items(10)
    exact = answer_nll(LlamaForCausalLM(LlamaConfig(**SHAPE)), [], 100)
    assert exact == []
    losses = answer_nll(model, items, 10_000)
    # bfloat16 has 8 bits: a sum in it would be a multiple of a coarse step.
    assert any(loss != float(torch.tensor(loss).bfloat16()) for loss, _ in losses)
