"""Scoring by a short text: how the answer is found in a completion, when two are the same, and the verdict.

Exact match and token F1 are those of SQuAD (Rajpurkar et al. 1606.05250, section 6.1): case, punctuation, articles and
white space do not count, and of several accepted answers the one that fits best does.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Sequence

from src.benchmarks.benchmark import Example, Verdict
from src.benchmarks.scoring.own_answer import own_answer

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SAID = re.compile(r"\banswer(?: is|:)[ \t]*(?::[ \t]*)?([^\n]*)", re.IGNORECASE)
_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
# The letter of a choice: `(B)`, `B.`, `B) because …` or alone.
_LETTER = re.compile(r"^\W*\(?([A-J])\)?(?![\w'])|\(([A-J])\)")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def final_answer(text: str, marker: str = "####") -> str | None:
    """What stands after the first `marker` with anything but marks on its line, or None: a format error.

    The first, as in number.py: a model that does not stop goes on to invent the next question.
    """
    for line in text.split("\n"):
        _, found, answer = line.partition(marker)
        if found and normalise(answer):
            return answer.strip()
    return None


def lenient_answer(text: str, accepted: Sequence[str]) -> str | None:
    """What is given as the answer without a marker, or None where nothing is.

    That is the rest of the line after "answer is" or "Answer:", or else the first line that says anything, before the
    model asks itself another question. Where letters of choices are accepted, it is the letter there.
    """
    own = own_answer(text)
    said = _SAID.search(own)
    line = said[1] if said else next((line for line in own.split("\n") if normalise(line)), "")
    if all(re.fullmatch("[A-J]", answer) for answer in accepted):
        letter = _LETTER.search(line.strip())
        return (letter[1] or letter[2]) if letter else None
    return line.strip() if normalise(line) else None


def normalise(text: str) -> str:
    """SQuAD's normal form. A text of articles only ("The The", "A") keeps them: it is not the empty one."""
    plain = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split()) or " ".join(plain.split())


def accepted_answers(example: Example) -> list[str]:
    """The gold answer and the further ones that `hidden` holds as a JSON list of strings, if it is not empty."""
    return [example.gold, *(json.loads(example.hidden) if example.hidden else [])]


def hidden_answers(others: Sequence[str]) -> str:
    """`Example.hidden` for accepted answers beside the gold one."""
    return json.dumps(list(others)) if others else ""


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """1 where the normal form of `answer` is that of one of `accepted`, else 0."""
    return float(normalise(answer) in {normalise(text) for text in accepted})


def f1(answer: str, accepted: Sequence[str]) -> float:
    """The best F1, over `accepted`, of the words that both share (as multisets), in [0, 1]."""
    return max(_f1(normalise(answer).split(), normalise(text).split()) for text in accepted)


def _f1(words: list[str], gold: list[str]) -> float:
    shared = (Counter(words) & Counter(gold)).total()
    return 2 * shared / (len(words) + len(gold)) if shared else 0.0


def judge_text(accepted: Sequence[str], completion: str) -> Verdict:
    """Scored by exact match with the part `f1`; no answer after the marker is a format error, with an F1 of 0."""
    answer = final_answer(completion)
    if answer is not None:
        return _compared(accepted, answer)
    loose = lenient_answer(completion, accepted)
    lenient = None if loose is None else _compared(accepted, loose)
    return Verdict(0.0, None, "format", parts={"f1": [0.0]}, lenient=lenient)


def _compared(accepted: Sequence[str], answer: str) -> Verdict:
    score = exact_match(answer, accepted)
    return Verdict(score, answer, None if score else "reasoning", parts={"f1": [f1(answer, accepted)]})


def judge_yes_no(gold: str, completion: str, marker: str = "####") -> Verdict:
    """`gold` is yes or no; the first word after the marker counts, and another word there is a format error.

    Leniently it is the yes or no after "answer is", or that which the completion begins with, or the last one in it.
    """
    answer = final_answer(completion, marker)
    word = normalise(answer).split()[0] if answer else None
    if word in ("yes", "no"):
        return _yes_or_no(gold, word)
    own = own_answer(completion)
    said = _SAID.search(own)
    words = _YES_NO.findall(said[1] if said else own)
    first = said or _YES_NO.match(own.lstrip())
    lenient = _yes_or_no(gold, words[0 if first else -1].lower()) if words else None
    return Verdict(0.0, None, "format", lenient=lenient)


def _yes_or_no(gold: str, word: str) -> Verdict:
    return Verdict(float(word == gold), word, None if word == gold else "reasoning")
