"""Code in completions: how it is found, and the verdict that hidden tests give on it."""

import ast
import re
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, field_validator

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.sandbox.program import Limits, Program, Result
from src.sandbox.run import require_sandbox, run_tests

Sandbox = Literal["bubblewrap", "limits_only"]

_FENCE = re.compile(r"^[ \t]*```[ \t]*\w*[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
# What a program's line may begin with where it is not indented, and what its first line may.
_ASSIGNED = r"[A-Za-z_][\w.]*(?:\[.*\]|: *\w+|(?: *, *\w+)+)? *[-+*/|&]?=[^=]"
_FIRST = re.compile(rf"^(?:(?:def|class|async def|import|from) |@\w|{_ASSIGNED})", re.MULTILINE)
_TOP_LEVEL = re.compile(
    rf"(?:def|class|async|import|from|if|elif|else|for|while|try|except|with)\b|[@#)\]}}]|{_ASSIGNED}"
)


class CodeBenchmark(Benchmark):
    """A benchmark whose completions are programs, judged by hidden tests in the sandbox."""

    sandbox: Sandbox = Field(description="what keeps the model's code in")

    @field_validator("sandbox")
    @classmethod
    def _works_here(cls, sandbox: Sandbox) -> Sandbox:
        # Before a model is trained, not after.
        require_sandbox(sandbox)
        return sandbox

    @abstractmethod
    def program(self, example: Example, completion: str) -> Program:
        """What is run to judge the completion."""

    def score(self, example: Example, completion: str) -> Verdict:
        return self.score_all([example], [completion])[0]

    def score_all(self, examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
        pairs = zip(examples, completions, strict=True)
        programs = [self.program(example, text) for example, text in pairs]
        return judge_leniently(programs, completions, self.sandbox, self.limits)

    @property
    def limits(self) -> Limits:
        return Limits()

    def chance(self) -> float:
        """0: no one program answers several items, so there is no guess to measure."""
        return 0.0


def judge_code(tests: Sequence[str], completions: Sequence[str], sandbox: Sandbox) -> list[Verdict]:
    """A verdict for each completion on its own tests: Python source, such as `assert f(1) == 2`.

    The program is what `whole_program` finds. Raises FathomError where the sandbox cannot be used here or where tests
    are no Python.
    """
    programs = [Program(whole_program(text), source) for source, text in zip(tests, completions, strict=True)]
    return judge_leniently(programs, completions, sandbox)


def judge_leniently(
    programs: Sequence[Program], completions: Sequence[str], sandbox: Sandbox, limits: Limits = Limits()
) -> list[Verdict]:
    """A verdict for each program; where it is a format error, what its completion holds beside it is judged too."""
    verdicts = judge_programs(programs, sandbox, limits)
    others = {
        i: replace(programs[i], code=code)
        for i, verdict in enumerate(verdicts)
        if verdict.error == "format" and (code := lenient_program(programs[i], completions[i])) is not None
    }
    for i, lenient in zip(others, judge_programs(list(others.values()), sandbox, limits), strict=True):
        verdicts[i] = replace(verdicts[i], lenient=lenient)
    return verdicts


def judge_programs(programs: Sequence[Program], sandbox: Sandbox, limits: Limits = Limits()) -> list[Verdict]:
    """A verdict for each program; `detail` is the class of its failure (`src/sandbox/program.py`).

    A format error is one whose code does not compile or does not define the entry point.
    """
    results = run_tests(programs, sandbox, limits)
    return [_verdict(program, result) for program, result in zip(programs, results, strict=True)]


def _verdict(program: Program, result: Result) -> Verdict:
    if result.kind == "passed":
        return Verdict(1.0, program.code, None)
    if result.kind == "syntax" or not program.code.strip() or not _defines(program.code, program.entry_point):
        return Verdict(0.0, None, "format", result.kind)
    return Verdict(0.0, program.code, "reasoning", result.kind)


def _defines(code: str, name: str | None) -> bool:
    return (
        name is None
        or re.search(rf"^(?:def|async def|class)\s+{name}\b|^{name}\s*[=:]", code, re.MULTILINE) is not None
    )


def whole_program(completion: str) -> str:
    """The program in a completion that holds a whole one: the first fenced block (to the end where it is not closed),
    or else the lines from the first definition or import up to the first that is neither indented nor Python, or else
    all of it."""
    completion = completion.replace("\r\n", "\n")
    if fenced := _FENCE.search(completion):
        return fenced[1]
    first = _FIRST.search(completion)
    if first is None:
        return completion
    lines = completion[first.start() :].split("\n")
    end = next(
        (i for i, line in enumerate(lines) if line and not line[0].isspace() and not _TOP_LEVEL.match(line)), None
    )
    return "\n".join(lines[:end]) + "\n"


def lenient_program(program: Program, completion: str) -> str | None:
    """What parses and defines the entry point, where the program itself does not, or None.

    The program without its last lines; then each fenced block, and what begins at each definition, likewise. (EvalPlus,
    Liu et al. 2305.01210, takes the longest stretch of lines that parses.)
    """
    completion = completion.replace("\r\n", "\n")
    blocks = [fenced[1] for fenced in _FENCE.finditer(completion)]
    tails = [completion[first.start() :] for first in _FIRST.finditer(completion)]
    for code in dict.fromkeys([program.code, *blocks, *tails]):
        kept = _what_parses(code)
        if kept.strip() and _defines(kept, program.entry_point) and kept != program.code:
            return kept
    return None


def _what_parses(code: str) -> str:
    """The code up to the last line with which it parses."""
    lines = code.split("\n")
    while lines and (wrong := _wrong_line("\n".join(lines) + "\n")) is not None:
        lines = lines[: min(wrong - 1, len(lines) - 1)]
    return "\n".join(lines) + "\n" if lines else ""


def continued_function(prompt: str, entry_point: str, completion: str) -> str:
    """The program that `prompt`, the head of a function with its docstring, and a completion make.

    The completion holds the function anew, in a fenced block or plainly (the prompt's imports and helpers still hold),
    or goes on with the body. A body ends at the first line that is not indented, as at the stop words of Chen et al.
    2107.03374. Models that were shown the prompt in a chat leave out the indentation, of the first line or of all.
    """
    found = whole_program(completion)
    if _defines(found, entry_point):
        return f"{function_head(prompt)}\n\n{found}"
    body = found if _FENCE.search(completion) else completion.replace("\r\n", "\n")
    lines = body.strip("\n").split("\n")
    if lines[0][:1].isspace():
        return _closed(prompt, lines)
    later = next((line for line in lines[1:] if line.strip()), "")
    only_first = later[:1].isspace() and not lines[0].rstrip().endswith(":")
    likely = _closed(prompt, _indented(lines, only_first))
    other = _closed(prompt, _indented(lines, not only_first))
    return other if parses(other) and not parses(likely) else likely


def function_head(prompt: str) -> str:
    """`prompt`, the head of a function with its docstring, if it has one, as a program that parses."""
    return prompt if parses(prompt) else prompt.rstrip("\n") + "\n    pass\n"


def parses(code: str) -> bool:
    return _wrong_line(code) is None


def _wrong_line(code: str) -> int | None:
    """The line from which on `code` is no Python, or None. It is only read here, never run."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(code)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return None


def _indented(lines: list[str], only_first: bool) -> list[str]:
    return ["    " + line if line and (i == 0 or not only_first) else line for i, line in enumerate(lines)]


def _closed(prompt: str, lines: list[str]) -> str:
    """The prompt and the lines up to the first that is not indented."""
    end = next((i for i, line in enumerate(lines) if line and not line[0].isspace()), None)
    return prompt.rstrip("\n") + "\n" + "\n".join(lines[:end]) + "\n"
