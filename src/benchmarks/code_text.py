"""Code in completions: how it is found, and the verdict that hidden tests give on it."""

import re
from collections.abc import Sequence
from typing import Literal

from src.benchmarks.base import Verdict
from src.sandbox.base import Program, Result
from src.sandbox.run import run_tests

Sandbox = Literal["bubblewrap", "limits_only"]

_FENCE = re.compile(
    r"^[ \t]*```[ \t]*(?:python|python3|py)?[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)


def fenced_code(completion: str) -> str | None:
    """The first fenced block of a completion; one that is never closed goes to the end."""
    found = _FENCE.search(completion)
    return found[1] if found else None


def judge_code(tests: Sequence[str], completions: Sequence[str], sandbox: Sandbox) -> list[Verdict]:
    """A verdict for each completion on its own tests: Python source, such as `assert f(1) == 2`.

    The program is the first fenced block, or the whole completion where there is none. Raises FathomError where the
    sandbox cannot be used here or where tests are no Python.
    """
    codes = [fenced_code(completion) or completion for completion in completions]
    programs = [Program(code, source) for code, source in zip(codes, tests, strict=True)]
    return judge_programs(programs, sandbox)


def judge_programs(programs: Sequence[Program], sandbox: Sandbox) -> list[Verdict]:
    """A verdict for each program; `detail` is the class of its failure (`src/sandbox/base.py`)."""
    return [_verdict(program, result) for program, result in zip(programs, run_tests(programs, sandbox), strict=True)]


def _verdict(program: Program, result: Result) -> Verdict:
    if result.kind == "passed":
        return Verdict(1.0, program.code, None)
    if result.kind == "syntax" or not program.code.strip():
        return Verdict(0.0, None, "format", "syntax")
    return Verdict(0.0, program.code, "reasoning", result.kind)
