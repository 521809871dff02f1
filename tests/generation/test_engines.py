"""Both engines, on random models: the same tokens as one prompt at a time without a cache."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedModel

from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine

VOCABULARY = 64
STOPS = {1, 7, 11, 30}
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.4,  # large enough that what is generated varies
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
Prompts = list[list[int]]
ENGINES: list[type[Any]] = [GreedyEngine, HfEngine]


def make_model(kind: str, **fields: Any) -> PreTrainedModel:
    # float64: in float32 two of many thousand logits tie but for rounding, and batching changes the rounding.
    torch.manual_seed(0)
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**SHAPE, **fields)).double().eval()
    # Shorter than prompts and completions, so that it cuts in both.
    return MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=9, **fields)).double().eval()


@pytest.fixture(scope="module", params=["llama", "mistral"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return make_model(request.param)


def draw_prompts(number: int, longest: int = 25) -> list[list[int]]:
    draw = random.Random(3)
    return [[draw.randrange(VOCABULARY) for _ in range(draw.randint(1, longest))] for _ in range(number)]


@torch.inference_mode()
def one_by_one(model: PreTrainedModel, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
    completions = []
    for prompt in prompts:
        completion: list[int] = []
        while len(completion) < max_new_tokens:
            logits = model(input_ids=torch.tensor([prompt + completion]), use_cache=False).logits
            token = int(logits[0, -1].argmax())
            if token in STOPS:
                break
            completion.append(token)
        completions.append(completion)
    return completions


@pytest.fixture(scope="module")
def reference(model: PreTrainedModel) -> tuple[Prompts, Prompts]:
    prompts = draw_prompts(24)
    return prompts, one_by_one(model, prompts, 24)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_tokens", [1, 300, 10_000])
def test_the_same_tokens_as_one_prompt_at_a_time(
    model: PreTrainedModel, reference: tuple[Prompts, Prompts], engine: type[Any], batch_tokens: int
) -> None:
    prompts, expected = reference
    lengths = [len(completion) for completion in expected]
    assert min(lengths) < 5 and 24 in lengths and len(set(lengths)) > 5  # ended early, cut off, and much between
    assert engine(model, STOPS, batch_tokens).generate(prompts, 24) == expected


def test_more_prompts_than_rows_many_times_over(model: PreTrainedModel) -> None:
    prompts = draw_prompts(200, longest=60)
    given = GreedyEngine(model, STOPS, 16 * 100).generate(prompts, 40)
    assert given == HfEngine(model, STOPS, 16 * 100).generate(prompts, 40)


@pytest.mark.parametrize("engine", ENGINES)
def test_eager_attention_and_a_model_left_in_training_mode(engine: type[Any]) -> None:
    # float32: with eager attention, transformers' mask of float64 overflows in its float32 softmax.
    model = make_model("mistral", attn_implementation="eager", attention_dropout=0.5).float()
    prompts = draw_prompts(12)
    expected = one_by_one(model, prompts, 20)
    model.train()
    assert engine(model, STOPS, 400).generate(prompts, 20) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_bfloat16_runs_and_stops(engine: type[Any]) -> None:
    model = make_model("llama").to(torch.bfloat16)
    completions = engine(model, STOPS, 400).generate(draw_prompts(20), 15)
    assert all(len(completion) <= 15 and STOPS.isdisjoint(completion) for completion in completions)
    assert any(completions)


@pytest.mark.parametrize("engine", ENGINES)
def test_progress_counts_every_completion_once(model: PreTrainedModel, engine: type[Any]) -> None:
    calls: list[dict[int, list[int]]] = []
    answers = engine(model, STOPS, 400).generate(draw_prompts(30), 20, calls.append)
    assert sum(len(call) for call in calls) == 30
    assert {item: answer for call in calls for item, answer in call.items()} == dict(enumerate(answers))
    assert len(calls) > 1


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_to_do(model: PreTrainedModel, engine: type[Any]) -> None:
    assert engine(model, STOPS, 400).generate([], 20) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_the_models_own_generation_config_does_not_matter(engine: type[Any]) -> None:
    model, prompts = make_model("llama"), draw_prompts(10)
    expected = engine(model, STOPS, 400).generate(prompts, 20)
    model.generation_config.update(
        do_sample=True, temperature=5.0, top_p=0.9, repetition_penalty=3.0, min_new_tokens=10, no_repeat_ngram_size=1
    )
    assert engine(model, STOPS, 400).generate(prompts, 20) == expected


def test_a_completion_that_is_stopped_ends_with_the_token_that_made_it_so(model: PreTrainedModel) -> None:
    prompts = draw_prompts(24)
    expected = [
        completion[: next((i + 1 for i, token in enumerate(completion) if token % 5 == 0), None)]
        for completion in GreedyEngine(model, STOPS, 400).generate(prompts, 24)
    ]
    engine = GreedyEngine(model, STOPS, 400, stopped=lambda completion: completion[-1] % 5 == 0)
    assert engine.generate(prompts, 24) == expected


def test_both_engines_are_engines(model: PreTrainedModel) -> None:
    engines: list[Engine] = [GreedyEngine(model, STOPS, 400), HfEngine(model, STOPS, 400)]
    assert engines[0].generate(draw_prompts(5), 1) == engines[1].generate(draw_prompts(5), 1)
