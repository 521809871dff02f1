import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

from src.models.loss import IGNORE, token_nll
from src.models.prompt import Encoded
from src.modules.batch import Layout, collate, even_out, lay_out

SHAPE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
CONFIGS = {"llama": LlamaConfig(**SHAPE), "mistral with a short window": MistralConfig(**SHAPE, sliding_window=7)}

examples_of_any_length = st.lists(
    st.builds(
        Encoded,
        st.lists(st.integers(3, 96), min_size=1, max_size=20),
        st.lists(st.integers(3, 96), min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=9,
)


def model_of(name):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation="sdpa")


def gradient(model, passes):
    model.zero_grad()
    for part in passes:
        nll = token_nll(model, part.input_ids, part.position_ids, part.targets).sum()
        (nll / part.answer_tokens).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@given(examples_of_any_length, st.integers(1, 200))
def test_every_answer_token_is_predicted_once_from_the_token_before_it(examples, micro_batch_tokens):
    passes = lay_out(examples, Layout(packing=True, micro_batch_tokens=micro_batch_tokens))
    learnt = []
    for part in passes:
        for r, t in (part.targets != IGNORE).nonzero().tolist():
            assert part.input_ids[r, t + 1] == part.targets[r, t]
            assert part.position_ids[r, t + 1] == part.position_ids[r, t] + 1
            learnt.append(int(part.targets[r, t]))
    assert sorted(learnt) == sorted(token for example in examples for token in example.answer)
    assert {part.answer_tokens for part in passes} == {len(learnt)}
    assert [part.last for part in passes] == [False] * (len(passes) - 1) + [True]


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=15)
@given(examples=examples_of_any_length)
def test_gradients_are_equal_with_and_without_packing_and_accumulation(name, examples):
    model = model_of(name)
    alone = gradient(model, lay_out(examples, Layout(packing=False, micro_batch_tokens=1)))
    for packing in (True, False):
        for one_row in (True, False):
            for micro_batch_tokens in (50, 10_000):
                passes = lay_out(examples, Layout(packing, micro_batch_tokens, one_row))
                torch.testing.assert_close(gradient(model, passes), alone, rtol=1e-4, atol=1e-6)


def test_blank_passes_add_nothing():
    model = model_of("llama")
    passes = lay_out([Encoded([5, 6], [7, 8]), Encoded([9], [10])], Layout(True, 64))
    torch.testing.assert_close(gradient(model, even_out(passes, 4)), gradient(model, passes))


def test_packed_examples_do_not_see_each_other():
    model = model_of("llama")
    first, second = Encoded([5, 6], [7, 8]), Encoded([9], [10, 11])
    together = collate([[first, second]])
    apart = collate([[second]])
    nll = token_nll(model, together.input_ids, together.position_ids, together.targets)
    expected = token_nll(model, apart.input_ids, apart.position_ids, apart.targets)
    torch.testing.assert_close(nll[2:], expected)


def test_the_loss_of_chosen_positions_is_that_of_the_whole_logits():
    model = model_of("llama")
    part = collate([[Encoded([5, 6, 7], [8, 9])], [Encoded([4], [3, 12, 13])]])
    logits = model(input_ids=part.input_ids, position_ids=part.position_ids).logits
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), part.targets.flatten(), reduction="sum")
    torch.testing.assert_close(token_nll(model, part.input_ids, part.position_ids, part.targets).sum(), expected)
