from itertools import product
from typing import get_args

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM, MistralForCausalLM

from src.models.tiny import Family, Size, tiny_config, tiny_tokenizer

FAMILIES, SIZES = get_args(Family), get_args(Size)
PARAMETERS = {"s": 0.3e6, "m": 0.8e6, "l": 3e6}


@pytest.mark.parametrize(("family", "size"), product(FAMILIES, SIZES))
def test_it_is_the_real_architecture_at_its_size_and_runs(family: Family, size: Size) -> None:
    config = tiny_config(family, size)
    model = AutoModelForCausalLM.from_config(config)
    assert type(model) is (MistralForCausalLM if family == "mistral" else LlamaForCausalLM)
    assert model.num_parameters() == pytest.approx(PARAMETERS[size], rel=0.1)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    logits = model(input_ids=torch.arange(20).unsqueeze(0)).logits
    assert logits.shape == (1, 20, config.vocab_size) and torch.isfinite(logits).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_vocabulary_and_special_tokens_agree_with_the_tokenizer(family: Family) -> None:
    config, tokenizer = tiny_config(family, "s"), tiny_tokenizer(family)
    assert config.vocab_size == len(tokenizer)
    assert config.bos_token_id == tokenizer.bos_token_id
    assert config.eos_token_id == tokenizer.eos_token_id
    assert config.pad_token_id == tokenizer.pad_token_id


@pytest.mark.parametrize("size", SIZES)
def test_what_tells_the_families_apart(size: Size) -> None:
    llama2, llama3, mistral = (tiny_config(family, size) for family in FAMILIES)
    assert llama2.num_key_value_heads == llama2.num_attention_heads
    assert llama3.num_key_value_heads < llama3.num_attention_heads
    assert mistral.num_key_value_heads < mistral.num_attention_heads
    assert [c.rope_parameters["rope_theta"] for c in (llama2, llama3, mistral)] == [10_000, 500_000, 10_000]
    assert llama3.vocab_size > llama2.vocab_size == mistral.vocab_size


def test_mistral_sees_no_further_than_its_window() -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(tiny_config("mistral", "s")).eval()
    window, layers = model.config.sliding_window, model.config.num_hidden_layers
    tokens = torch.randint(3, 1000, (1, window * layers + 50))
    changed = tokens.clone()
    changed[0, 0] = (tokens[0, 0] + 1) % 1000
    with torch.no_grad():
        difference = (model(input_ids=tokens).logits - model(input_ids=changed).logits).abs().amax(-1)[0]
    assert difference[window // 2] > 0
    assert difference[-1] == 0
