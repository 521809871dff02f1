"""Scorers by name, for data whose owner names one in a config."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from src.benchmarks.benchmark import Example, Verdict
from src.benchmarks.scoring.number import final_number
from src.benchmarks.scoring.number import judge as judge_number
from src.benchmarks.scoring.text_answer import accepted_answers, final_answer, hidden_answers, judge_text
from src.errors import FathomError

NAMES = "exact_match, f1, number, regex, code, python:module.function"

# What a test row must hold beside its prompt, by scorer; the others can do with the reference answer.
NEEDED: Mapping[str, Literal["tests", "gold"]] = {"code": "tests", "regex": "gold"}


def gold_and_hidden(scorer: str, given: object, tests: object, answer: str) -> tuple[str, str]:
    """`Example.gold` and `Example.hidden`, in the form that the scorer compares with.

    `given` is one accepted answer, a list of them, or None: then what follows `####` in the reference `answer`, or all
    of it. `tests` are Python source, or a list of it, for the scorer `code`. Raises ValueError, with what is wrong.
    """
    if scorer == "code":
        return "", "\n".join(str(each) for each in (tests if isinstance(tests, list) else [tests or ""]))
    if given is None:
        return ("" if scorer == "regex" else _comparable(scorer, answer)), ""
    golds = [_comparable(scorer, str(gold)) for gold in (given if isinstance(given, list) else [given])]
    if not golds:
        raise ValueError("the gold answer is an empty list")
    return golds[0], hidden_answers(golds[1:])


def _comparable(scorer: str, gold: str) -> str:
    if scorer == "number":
        number = final_number(gold) or final_number(f"#### {gold}")
        if number is None:
            raise ValueError(f"the gold answer is no number and has none after ####: {gold!r}")
        return number
    if scorer == "regex":
        try:
            re.compile(gold)
        except re.error as error:
            raise ValueError(f"the gold answer is no regular expression ({error}): {gold!r}") from error
        return gold
    gold = final_answer(gold) or gold.strip()
    if scorer in ("exact_match", "f1") and not gold:
        raise ValueError("the gold answer is missing or empty")
    return gold


def scorer_named(
    name: str, sandbox: Literal["bubblewrap", "limits_only"]
) -> Callable[[Sequence[Example], Sequence[str]], list[Verdict]]:
    """The function from examples and their completions to verdicts. Raises ValueError for a name that stands for none.

    `exact_match`, `f1` and `number` look at what follows `####`; where neither the completion nor the reference has
    that marker, at the completion's first line. `regex` searches the whole completion for the gold pattern. `code` runs
    `hidden`, Python source, against it in the sandbox. `python:module.function` calls the function with an Example and
    the completion; it returns a Verdict, or a number in [0, 1] of which only 1 is right.
    """
    if name == "code":
        from src.benchmarks.scoring.code_text import judge_code
        from src.sandbox.run import require_sandbox

        require_sandbox(sandbox)
        return lambda examples, completions: judge_code([e.hidden for e in examples], completions, sandbox)
    judges = {"exact_match": _exact_match, "f1": _f1, "number": _number, "regex": _regex}
    judge = judges.get(name) if not name.startswith("python:") else _own(name)
    if judge is None:
        raise ValueError(f"{name!r} is no scorer; there are {NAMES}")
    return lambda examples, completions: [judge(e, text) for e, text in zip(examples, completions, strict=True)]


def own_source(name: str) -> list[Path]:
    """The file of the user's own scorer, whose change makes another benchmark; nothing for the other scorers."""
    return [Path(inspect.getfile(_own_function(name)))] if name.startswith("python:") else []


def _own_function(name: str) -> Callable[[Example, str], Any]:
    """What `python:module.function` names. Raises ValueError."""
    module, _, function = name.removeprefix("python:").rpartition(".")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{name} cannot be imported: {error}; is its directory on PYTHONPATH?") from error
    if not inspect.isfunction(found):
        raise ValueError(f"{name} is a {type(found).__name__}, not a function written in Python")
    return found


def _own(name: str) -> Callable[[Example, str], Verdict]:
    function = _own_function(name)

    def judge(example: Example, completion: str) -> Verdict:
        given = function(example, completion)
        if isinstance(given, Verdict):
            return given
        if not isinstance(given, int | float) or not 0 <= given <= 1:
            raise FathomError(f"{name} gave {given!r}; it must return a number in [0, 1] or a Verdict.")
        score = float(given)
        return Verdict(score, completion.strip(), None if score == 1.0 else "reasoning")

    return judge


def _marked(example: Example, completion: str) -> str:
    return completion if "####" in example.answer + completion else f"#### {completion.lstrip()}"


def _exact_match(example: Example, completion: str) -> Verdict:
    return judge_text(accepted_answers(example), _marked(example, completion))


def _f1(example: Example, completion: str) -> Verdict:
    exact = _exact_match(example, completion)
    return replace(_by_f1(exact), lenient=exact.lenient and _by_f1(exact.lenient))


def _by_f1(exact: Verdict) -> Verdict:
    (score,) = exact.parts["f1"]
    error = None if score == 1.0 else exact.error
    return Verdict(score, exact.extracted, error, parts={"exact_match": [exact.score]})


def _number(example: Example, completion: str) -> Verdict:
    tried = [judge_number(gold, _marked(example, completion)) for gold in accepted_answers(example)]
    return max(tried, key=lambda verdict: (verdict.score, verdict.lenient is not None and verdict.lenient.score))


def _regex(example: Example, completion: str) -> Verdict:
    for pattern in accepted_answers(example):
        if found := re.search(pattern, completion):
            return Verdict(1.0, found[0], None)
    text = completion.strip()
    return Verdict(0.0, text or None, "reasoning" if text else "format")
