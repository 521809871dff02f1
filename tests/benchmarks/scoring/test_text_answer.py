import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.benchmark import Verdict
from src.benchmarks.scoring.text_answer import (
    exact_match,
    f1,
    final_answer,
    judge_text,
    judge_yes_no,
    lenient_answer,
    normalise,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("  a  cat\tand an\nowl ", "cat and owl"),
        ("U.S.A.", "usa"),
        ("anthem", "anthem"),
        ("The The", "the the"),
        ("A", "a"),
        ("...", ""),
        ("Zoë", "zoë"),
    ],
)
def test_normal_forms(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The pet is a cat.\n#### a cat.", "a cat."),
        ("####cat", "cat"),
        ("so #### cat", "cat"),
        ("#### cat\n\nQuestion: more\n#### dog", "cat"),
        ("####\n#### cat", "cat"),
        ("#### .\n", None),
        ("#####", None),
        ("The answer is cat.", None),
        ("", None),
    ],
)
def test_the_final_answer_is_what_stands_after_the_first_marker(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_the_best_of_several_accepted_answers_counts() -> None:
    accepted = ["United States of America", "the USA"]
    assert exact_match("U.S.A.", accepted) == 1.0
    assert exact_match("America", accepted) == 0.0
    # One of one word is shared with four: precision 1, recall 1/4.
    assert f1("America", accepted) == pytest.approx(0.4)
    assert f1("Canada", accepted) == 0.0
    # Words count as often as they occur: two of three, two of two.
    assert f1("duran duran duran", ["Duran Duran"]) == pytest.approx(0.8)


@given(st.text(), st.text())
def test_scores_are_bounded_symmetric_and_one_for_the_same_text(a: str, b: str) -> None:
    assert 0.0 <= f1(a, [b]) == f1(b, [a]) <= 1.0
    assert exact_match(a, [b]) == exact_match(b, [a])
    assert exact_match(a, [a]) == 1.0
    assert normalise(normalise(a)) == normalise(a) or normalise(a) in ("a", "an", "the")


def test_verdicts() -> None:
    assert judge_text(["cat"], "#### The cat") == Verdict(1.0, "The cat", None, parts={"f1": [1.0]})
    assert judge_text(["cat"], "#### dog") == Verdict(0.0, "dog", "reasoning", parts={"f1": [0.0]})
    lenient = Verdict(1.0, "The cat", None, parts={"f1": [1.0]})
    assert judge_text(["cat"], "The cat") == Verdict(0.0, None, "format", parts={"f1": [0.0]}, lenient=lenient)
    assert judge_text(["cat"], "...") == Verdict(0.0, None, "format", parts={"f1": [0.0]})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris\n\nQuestion: And of Spain?\nAnswer: Madrid", "Paris"),
        ("\nIt is far.\nThe answer is Paris.\nQ: What?", "Paris."),
        ("Answer: Paris", "Paris"),
        ("?\n", None),
    ],
)
def test_an_answer_without_a_marker(text: str, answer: str | None) -> None:
    assert lenient_answer(text, ["Paris"]) == answer


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B) since", "B"),
        ("b", None),
        ("B. Rome", "B"),
        ("The answer is C.", "C"),
        ("so (A)", "A"),
        ("Be", None),
    ],
)
def test_the_letter_of_a_choice(text: str, letter: str | None) -> None:
    assert lenient_answer(text, ["D"]) == letter


def test_yes_no() -> None:
    assert judge_yes_no("yes", "#### Yes, it is.") == Verdict(1.0, "yes", None)
    assert judge_yes_no("no", "#### yes") == Verdict(0.0, "yes", "reasoning")
    assert judge_yes_no("no", "#### Nobody knows") == Verdict(0.0, None, "format")
    no = Verdict(1.0, "no", None)
    for text in ("No.", "So the answer is no. Yes?", "I say yes, and then no", "\nNo, but yes"):
        assert judge_yes_no("no", text).lenient == no
    assert judge_yes_no("no", "No.") == Verdict(0.0, None, "format", lenient=no)
    assert judge_yes_no("yes", "So the answer is yes.", "answer is") == Verdict(1.0, "yes", None)
