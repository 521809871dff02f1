from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

from src.models import attention
from src.models.attention import BY_EXAMPLE, attend_by_example
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
    return AutoModelForCausalLM.from_config(deepcopy(CONFIGS[name]), attn_implementation="sdpa")


def loss_of(model, part):
    return token_nll(model, part.input_ids, part.position_ids, part.targets, part.example_lengths)


def gradient(model, passes):
    model.zero_grad()
    for part in passes:
        nll = loss_of(model, part).sum()
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


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=15)
@given(examples=examples_of_any_length)
def test_attention_by_example_changes_no_loss_and_no_gradient(name, examples):
    masked, by_example = model_of(name), attend_by_example(model_of(name))
    assert (masked.config._attn_implementation, by_example.config._attn_implementation) == ("sdpa", BY_EXAMPLE)
    (one_row,) = lay_out(examples, Layout(packing=True, micro_batch_tokens=10_000, one_row=True))
    assert one_row.example_lengths
    torch.testing.assert_close(loss_of(by_example, one_row), loss_of(masked, one_row), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradient(by_example, [one_row]), gradient(masked, [one_row]), rtol=1e-4, atol=1e-6)
    # Padded rows and prompts that are completed take the usual way.
    padded = lay_out(examples, Layout(packing=True, micro_batch_tokens=10_000))
    torch.testing.assert_close(gradient(by_example, padded), gradient(masked, padded), rtol=1e-4, atol=1e-6)


def test_attention_by_example_computes_no_pair_of_tokens_of_two_examples(monkeypatch):
    asked = []
    whole = attention.sdpa_attention_forward

    def count(module, query, key, value, mask, *rest, **options):
        asked.append((query.shape[2], key.shape[2], mask))
        return whole(module, query, key, value, mask, *rest, **options)

    monkeypatch.setattr(attention, "sdpa_attention_forward", count)
    model = attend_by_example(model_of("llama"))
    loss_of(model, collate([[Encoded([5, 6], [7, 8, 9])], [Encoded([4], [3])]], one_row=True))
    assert asked == [(5, 5, None), (2, 2, None)] * SHAPE["num_hidden_layers"]


def test_a_model_with_layers_of_another_kind_keeps_its_own_masks():
    model = model_of("llama")
    model.config.layer_types = ["linear_attention", "full_attention"]
    assert attend_by_example(model).config._attn_implementation == "sdpa"


def test_attention_by_example_holds_where_a_block_is_computed_again_in_the_backward_pass():
    (part,) = lay_out([Encoded([5, 6], [7, 8, 9]), Encoded([4], [3, 12])], Layout(True, 64, one_row=True))
    kept, again = (attend_by_example(model_of("mistral with a short window")).train() for _ in range(2))
    again.gradient_checkpointing_enable({"use_reentrant": False})
    torch.testing.assert_close(gradient(again, [part]), gradient(kept, [part]))


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
