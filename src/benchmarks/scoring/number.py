"""Scoring by the final number: how it is found in a completion, when two are the same, and the verdict."""

import re
from decimal import Decimal
from functools import cache

from src.benchmarks.benchmark import Verdict
from src.benchmarks.scoring.own_answer import own_answer

# What may stand between marker and number. Other words may not: "#### Step 1" is a heading. Bounded, since a derailed
# model writes "########…" and the search would take quadratic time.
_BEFORE = r"(?:[^\w\n.]|\b(?:USD|US|EUR|GBP|INR|AUD|CAD|Rs)\b\.?){0,16}"
_NUMBER = r"(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)"
_MINUS = re.compile("[-\N{MINUS SIGN}]")
# A minus sign stands alone before its number: neither `16-3` nor `16 - 3` has a negative one.
_ANYWHERE = re.compile(rf"(?P<before>(?<![\w)])[-\N{{MINUS SIGN}}])?[$€£₹]?(?P<number>{_NUMBER})")


def final_number(text: str, marker: str = "####") -> str | None:
    """The number after the first `marker` that has one on its line, or None: a format error.

    GSM8K's rule (Cobbe et al. 2110.14168: `#### (\\-?[0-9\\.\\,]+)`, commas removed) and somewhat more: signs, currency
    before the number and anything after it (a full stop, a percent sign, units) are passed over. A percent sign or a
    word such as "thousand" does not change the value. The first marker, as in the official code: a model that does not
    stop goes on to invent the next question, and the last marker would be that one's answer.

    The number comes in an exact normal form, the same for equal numbers: no plus sign, no superfluous zeros or decimal
    point, no exponent, never "-0".
    """
    found = _after(marker).search(text)
    return None if found is None else _normal_form(found)


def lenient_number(text: str) -> str | None:
    """The number after the first "answer is", or else the last one, before the model asks itself another question.

    The last number is lm-evaluation-harness's `flexible-extract` for GSM8K. The normal form is that of `final_number`.
    """
    own = own_answer(text)
    said = _after("answer is").search(own)
    found = [said] if said else list(_ANYWHERE.finditer(own))
    return _normal_form(found[-1]) if found else None


def _normal_form(found: re.Match[str]) -> str:
    sign = "-" if _MINUS.search(found["before"] or "") else ""
    whole, _, fraction = found["number"].replace(",", "").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    magnitude = f"{whole}.{fraction}" if fraction else whole
    return magnitude if magnitude == "0" else sign + magnitude


@cache
def _after(marker: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(marker)}(?P<before>{_BEFORE})(?P<number>{_NUMBER})")


def same_number(a: str, b: str) -> bool:
    """Whether two decimal numbers are equal as numbers, exactly: 2, 2.0 and 2.00 are, 0.1 and 0.1000001 are not.

    Decimal compares without rounding, and takes the thousands of digits that a derailed model may write, which int
    refuses. Raises decimal.InvalidOperation where one is no number.
    """
    return Decimal(a) == Decimal(b)


def judge(gold: str, completion: str, marker: str = "####") -> Verdict:
    """Right, no number after the marker (`format`), or another number than `gold` (`reasoning`)."""
    number = final_number(completion, marker)
    if number is not None:
        return _compared(gold, number)
    loose = lenient_number(completion)
    return Verdict(0.0, None, "format", lenient=None if loose is None else _compared(gold, loose))


def _compared(gold: str, number: str) -> Verdict:
    right = same_number(number, gold)
    return Verdict(float(right), number, None if right else "reasoning")
