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
