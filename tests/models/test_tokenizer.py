from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from src.benchmarks.arithmetic import Arithmetic
from src.models.tokenizer import build_tokenizer

ROOT = Path(__file__).parents[2]

TOKENIZER = build_tokenizer(1024)


def encode(text: str, tokenizer: PreTrainedTokenizerFast = TOKENIZER) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(encode(text)) == text


def test_digits_stand_alone() -> None:
    tokens = TOKENIZER.convert_ids_to_tokens(encode("in 1984 12+5=17"))
    assert [token for token in tokens if any(c.isdigit() for c in token)] == list("198412517")


def test_special_tokens_have_their_ids_and_are_never_added() -> None:
    assert (TOKENIZER.bos_token_id, TOKENIZER.eos_token_id, TOKENIZER.pad_token_id) == (0, 1, 2)
    assert not {0, 1, 2} & set(TOKENIZER("Mia has 3 shells.")["input_ids"])


def test_vocabulary_has_exactly_the_size_asked_for_and_grows_by_merges() -> None:
    larger = build_tokenizer(1536)
    assert len(TOKENIZER) == 1024 and len(larger) == 1536
    assert TOKENIZER.get_vocab().items() <= larger.get_vocab().items()


def test_built_twice_it_is_the_same() -> None:
    assert build_tokenizer(1024).backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()


@pytest.mark.parametrize("text", ["Mia has 12 shells.\n#### 7", "naïve 日本 🙂  two  spaces"])
def test_saved_and_loaded_it_encodes_alike(tmp_path: Path, text: str) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert encode(text, loaded) == encode(text)
    assert loaded.decode(encode(text)) == text
    assert (loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id) == (0, 1, 2)


def test_real_english_takes_less_than_half_a_token_a_character() -> None:
    text = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
    assert len(encode(text)) < len(text) / 2


def test_answers_of_arithmetic_fit_the_shipped_limit() -> None:
    section = yaml.safe_load((ROOT / "conf/benchmark/arithmetic.yaml").read_text())
    del section["_target_"]
    benchmark = Arithmetic(**section)
    for vocab_size in (1024, 1536):
        answers = build_tokenizer(vocab_size)([example.answer for example in benchmark.test()])["input_ids"]
        assert max(map(len, answers)) < benchmark.max_new_tokens
