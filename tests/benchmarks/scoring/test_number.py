from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.benchmarks.benchmark import Verdict
from src.benchmarks.scoring.number import final_number, judge, lenient_number, same_number

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("####7", "7"),
        ("#### 1,234,567", "1234567"),
        ("#### 1,234.", "1234"),
        ("#### 1,234, as said", "1234"),
        ("#### -5", "-5"),
        ("#### \N{MINUS SIGN}5", "-5"),
        ("#### +5", "5"),
        ("#### -0", "0"),
        ("#### 007", "7"),
        ("#### 2.50", "2.5"),
        ("#### .5", "0.5"),
        ("#### 2.0", "2"),
        ("#### $18", "18"),
        ("#### -$18.20", "-18.2"),
        ("#### $-18", "-18"),
        ("#### € 18", "18"),
        ("#### Rs. 500", "500"),
        ("#### USD 500", "500"),
        ("#### US$500", "500"),
        ("#### 25%", "25"),
        ("#### 18 eggs a day", "18"),
        ("#### 3cm", "3"),
        ("#### **42**", "42"),
        ("#### 18\n\nQuestion: another one?\nAnswer: #### 99", "18"),
        ("#### Step 1: add\n3 + 4 = 7\n#### 7", "7"),
        ("#### 1\N{THIN SPACE}", "1"),
        ("#### " + "9" * 10_000, "9" * 10_000),
    ],
)
def test_the_number_after_the_marker(text: str, number: str) -> None:
    assert final_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "7", "The answer is 7.", "####", "#### \n7", "#### seven", "### 7", "#### .", "#### ٣"]
)
def test_no_number_after_a_marker(text: str) -> None:
    assert final_number(text) is None


def test_another_marker() -> None:
    assert final_number("#### 1 (answer): 2", marker="(answer):") == "2"


@given(decimals, st.sampled_from(["{}", "${}", "{}%", "{} dollars", "{}.", "**{}**", "  {}\n\n#### 3"]))
def test_decimals_survive_formatting(value: Decimal, form: str) -> None:
    written = form.format(f"{value:,f}")
    number = final_number(f"so\n#### {written}")
    assert number is not None
    assert Decimal(number) == value


@given(decimals, st.integers(0, 5))
def test_equal_numbers_have_one_normal_form(value: Decimal, zeros: int) -> None:
    longer = f"{value:f}" + "0" * zeros
    assert final_number(f"#### {longer}") == final_number(f"#### {value:,f}")


@given(decimals)
def test_the_normal_form_is_its_own(value: Decimal) -> None:
    number = final_number(f"#### {value:f}")
    assert final_number(f"#### {number}") == number


@given(st.text())
@example("####" * 1000)
@example("#### $" * 1000)
@example("#### 1,,,.")
def test_any_text_gives_a_number_or_none(text: str) -> None:
    for candidate in (text, f"#### {text}"):
        number = final_number(candidate)
        assert number is None or Decimal(number).is_finite()


@given(decimals, decimals)
def test_same_number_is_numeric_equality(a: Decimal, b: Decimal) -> None:
    assert same_number(f"{a:f}", f"{b:f}") == (a == b)


def test_same_number_is_exact() -> None:
    assert same_number("2", "2.00")
    assert same_number("-0", "0")
    # These two are one and the same float, and equal to the 28 digits of Decimal's arithmetic.
    assert not same_number("0." + "1" * 40, "0." + "1" * 39 + "2")
    assert not same_number("9007199254740993", "9007199254740992")


def test_verdicts() -> None:
    assert judge("1234", "so\n#### 1,234.00") == Verdict(score=1.0, extracted="1234", error=None)
    assert judge("1234", "so\n#### 1235") == Verdict(score=0.0, extracted="1235", error="reasoning")
    right, wrong = Verdict(1.0, "1234", None), Verdict(0.0, "5", "reasoning")
    assert judge("1234", "so 1234") == Verdict(0.0, None, "format", lenient=right)
    assert judge("1234", "1234 or 5") == Verdict(0.0, None, "format", lenient=wrong)
    assert judge("1234", "no idea") == Verdict(0.0, None, "format")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("So 16-3=13.", "13"),
        ("It is -$5", "-5"),
        ("It is $-5", "-5"),
        ("10 - 5", "5"),
        ("x-5", "5"),
        ("1,234.50 dollars", "1234.5"),
        ("The answer is: $1,200.\nThat is 3 times 400.", "1200"),
        ("He has 3.\nQuestion: What is 7?", "3"),
        ("He has 3.\n\nQ: What is 7?", "3"),
        ("none", None),
    ],
)
def test_a_number_without_a_marker(text: str, number: str | None) -> None:
    assert lenient_number(text) == number


@given(st.text())
def test_what_is_right_strictly_is_right_leniently(text: str) -> None:
    for gold in ("0", "7"):
        verdict = judge(gold, text)
        assert verdict.lenient is None or verdict.error == "format"
