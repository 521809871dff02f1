import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.benchmark import Example
from src.evaluation.contamination import contamination

LONG = "Mara has 12 pears and gives 3 of them to Tom before the long walk home"


def example(prompt: str, answer: str = "yes") -> Example:
    return Example(prompt, answer, answer)


def test_a_prompt_in_other_case_and_punctuation_is_an_exact_duplicate() -> None:
    metrics = contamination([example(LONG.upper() + "!")], [example(LONG), example("What is this?")])
    assert metrics["data/exact_duplicates"] == 1
    assert metrics["data/near_duplicates"] == 1
    assert metrics["data/ngram_overlap"] == 0.5


def test_a_prompt_with_one_word_changed_at_its_end_is_a_near_duplicate_only() -> None:
    metrics = contamination([example(LONG.replace("home", "back"))], [example(LONG)])
    assert metrics["data/exact_duplicates"] == 0
    assert metrics["data/near_duplicates"] == 1
    assert 0.9 < metrics["data/ngram_overlap"] < 1


def test_a_test_prompt_inside_a_training_answer_counts() -> None:
    assert contamination([example("Repeat.", LONG)], [example(LONG)])["data/near_duplicates"] == 1


def test_other_texts_share_nothing() -> None:
    metrics = contamination([example("A quite different question about the weather in the north?")], [example(LONG)])
    assert set(metrics.values()) == {0}


words = st.lists(st.sampled_from(["a", "b", "c", "dog"]), min_size=1, max_size=14).map(" ".join)


@given(st.lists(words, max_size=6), st.lists(words, min_size=1, max_size=6))
def test_every_exact_duplicate_is_a_near_one_and_more_training_never_lowers_the_overlap(
    train: list[str], test: list[str]
) -> None:
    items = [example(text) for text in test]
    whole = contamination([example(text) for text in train], items)
    part = contamination([example(text) for text in train[:-1]], items)
    assert whole["data/exact_duplicates"] <= whole["data/near_duplicates"] <= len(test)
    assert all(part[name] <= whole[name] for name in whole)


def test_memory_is_that_of_the_test_set_however_much_is_trained_on() -> None:
    texts = (example(" ".join(f"w{i * j % 9973}" for j in range(500))) for i in range(1, 400))
    train = list(texts)
    tracemalloc.start()
    try:
        contamination(train, [example(LONG)] * 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * 2**20


@given(st.lists(words, max_size=5), st.lists(words, min_size=1, max_size=5))
def test_the_overlap_is_the_share_of_words_in_an_n_gram_of_training(train: list[str], test: list[str]) -> None:
    shares = []
    for text in test:
        asked = text.split()
        length = min(len(asked), 8)
        spans = [range(i, i + length) for i in range(len(asked) - length + 1)]
        texts = [f"{prompt} yes".split() for prompt in train]
        held = [t[i : i + length] for t in texts for i in range(len(t) - length + 1)]
        covered = {place for span in spans if [asked[i] for i in span] in held for place in span}
        shares.append(len(covered) / len(asked))
    found = contamination([example(text) for text in train], [example(text) for text in test])
    assert found["data/ngram_overlap"] == pytest.approx(sum(shares) / len(shares))
    assert found["data/near_duplicates"] == sum(share >= 0.8 for share in shares)
    assert found["data/exact_duplicates"] == sum(text in train for text in test)
