"""Sampling, on a random model whose next-token distribution can be written down."""

from collections import Counter

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from src.generation.greedy import GreedyEngine
from src.generation.sampled import SampledEngine

STOP = 1


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        initializer_range=0.5,
        eos_token_id=STOP,
        pad_token_id=2,
    )
    return LlamaForCausalLM(config).double().eval()


def sample(model, prompts, *, temperature=1.0, seed=0, new_tokens=6):
    return SampledEngine(model, [STOP], 4096, temperature, seed, range(len(prompts))).generate(prompts, new_tokens)


def test_first_tokens_are_distributed_as_the_model_says(model):
    prompt = [3, 5, 4]
    with torch.inference_mode():
        expected = torch.softmax(model(torch.tensor([prompt])).logits[0, -1] / 0.7, dim=-1)
    counts = Counter(tuple(c)[:1] for c in sample(model, [prompt] * 4000, temperature=0.7, new_tokens=1))
    drawn = torch.tensor([counts[(token,)] + (counts[()] if token == STOP else 0) for token in range(8)]) / 4000
    assert torch.allclose(drawn.double(), expected, atol=4 * 0.5 / 4000**0.5)


def test_the_same_seed_gives_the_same_completions_and_another_seed_others(model):
    prompts = [[3, 4], [5], [6, 7, 3]] * 20
    assert sample(model, prompts) == sample(model, prompts)
    assert sample(model, prompts) != sample(model, prompts, seed=1)


def test_what_a_prompt_draws_does_not_depend_on_what_it_is_answered_beside(model):
    prompts = [[3, 4], [5], [6, 7, 3]] * 20
    together = sample(model, prompts, new_tokens=20)
    for places in (range(0, 60, 2), range(1, 60, 2), [17]):
        some = SampledEngine(model, [STOP], 256, 1.0, 0, places).generate([prompts[i] for i in places], 20)
        assert some == [together[i] for i in places]


def test_a_vanishing_temperature_is_greedy(model):
    prompts = [[3, 4], [5], [6, 7, 3]]
    assert sample(model, prompts, temperature=1e-6) == GreedyEngine(model, [STOP], 4096).generate(prompts, 6)


def test_a_prompt_is_read_once_for_all_its_samples(model):
    asked = [[3, 4, 6, 2], [5, 7]]
    prompts = [prompt for prompt in asked for _ in range(10)]
    read = []
    hook = model.register_forward_pre_hook(lambda _, args, kwargs: read.append(kwargs["input_ids"]), with_kwargs=True)
    together = sample(model, prompts, new_tokens=20)
    hook.remove()
    assert sorted(read[0].tolist()) == [[0, 0, 5, 7], [3, 4, 6, 2]]
    for place, prompt in enumerate(prompts):
        assert SampledEngine(model, [STOP], 256, 1.0, 0, [place]).generate([prompt], 20) == [together[place]]
