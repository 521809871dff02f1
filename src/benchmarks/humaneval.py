"""HumanEval: finish a function from its signature and docstring (Chen et al. 2107.03374), and HumanEval+ (Liu et al.
2305.01210), which holds the same functions against many more inputs."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from src.benchmarks.benchmark import Example, StandardPrompt, Verdict, up_to_first
from src.benchmarks.data.code_pool import code_pool
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.parquet_files import read_parquet
from src.benchmarks.scoring.code_text import CodeBenchmark, continued_function, function_head, judge_leniently
from src.sandbox.program import Limits, Program

REPO = "openai/openai_humaneval"
_FIELDS: dict[str, type] = dict.fromkeys(("prompt", "entry_point", "canonical_solution"), str)

_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
_BODY = re.compile(r"(?:[ \t]*\r?\n)*[ \t]+\S")  # the first line that is not empty is indented

# EvalPlus compares so: equal, or where floats are asked for within a tolerance. `find_zero` has many right answers.
_PLUS_TESTS = """
from copy import deepcopy

def _floats(value):
    return isinstance(value, float) or isinstance(value, (list, tuple)) and all(isinstance(x, float) for x in value)

def _close(got, right, atol):
    if isinstance(right, (list, tuple)):
        return len(got) == len(right) and all(_close(g, r, atol) for g, r in zip(got, right))
    return got == right or got != got and right != right or abs(got - right) <= atol + 1e-7 * abs(right)

_reference = {{}}
exec({reference!r}, _reference)
for _given in {inputs!r}:
    _got = {entry_point}(*deepcopy(_given))
    if "{entry_point}" == "find_zero":
        assert abs(_reference["poly"](*_given, _got)) <= {atol!r}, _given
    else:
        _right = _reference["{entry_point}"](*deepcopy(_given))
        _atol = {atol!r} or (1e-6 if _floats(_right) else 0)
        assert _got == _right or _atol and _close(_got, _right, _atol), _given
"""


class HumanEval(CodeBenchmark):
    """164 functions, judged by unit tests. The prompt is shown as it is; the reference answer is the function's body.

    HumanEval brings no training data: the pool are instructions with code from elsewhere (`code_pool.py`). With
    `plus_file`, the functions and inputs are those of HumanEval+, and the right outputs come from its reference
    solutions, run beside the tests.

    The standard prompt for a base is the item's own, without a shot; a completion ends at the stop words of Chen et
    al., and prompt and completion as they are make the program.
    """

    path: Path | None = Field(description="HumanEval.jsonl or HumanEval.jsonl.gz; null: openai/openai_humaneval")
    plus_file: Path | None = Field(description="HumanEvalPlus.jsonl or .jsonl.gz as EvalPlus releases it")
    pool_file: Path | None = Field(description="JSON Lines with the fields instruction and response")
    pool_repo: str | None = Field(description="a data set on the hub with these columns, where there is no pool_file")

    @field_validator("path", "plus_file", "pool_file")
    @classmethod
    def _is_a_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.expanduser().is_file():
            raise ValueError(f"there is no file {path}")
        return path and path.expanduser()

    def pool(self) -> list[Example]:
        return code_pool(self.pool_file, self.pool_repo)

    def test(self) -> list[Example]:
        if self.plus_file is not None:
            rows = read_jsonl(self.plus_file, _FIELDS | {"base_input": list, "plus_input": list, "atol": object})
            return [_example(row, _plus_tests(row)) for row in rows]
        rows = read_jsonl(self.path, _FIELDS | {"test": str}) if self.path is not None else _hub_rows()
        return [_example(row, f"{row['test']}\ncheck({row['entry_point']})\n") for row in rows]

    def data_files(self) -> list[Path]:
        return [file for file in (self.path, self.plus_file, self.pool_file) if file is not None]

    @property
    def limits(self) -> Limits:
        """HumanEval+ has hundreds of inputs a function, and its reference runs beside."""
        return Limits(cpu_seconds=5, waiting_seconds=5.0) if self.plus_file else Limits()

    def program(self, example: Example, completion: str) -> Program:
        """`gold` is the function's name. Some tests call helpers that the prompt defines, so it supports them."""
        code = continued_function(example.prompt, example.gold, completion)
        support = function_head(example.prompt)
        return Program(code, tests=example.hidden, support=support, entry_point=example.gold)

    @property
    def stops(self) -> tuple[str, ...]:
        return _STOPS

    def own(self, completion: str) -> str:
        """One that begins with the body goes on to the first stop: a base writes tests and further functions then."""
        return up_to_first(_STOPS, completion) if _BODY.match(completion) else completion

    def standard(self) -> StandardPrompt:
        return StandardPrompt(lambda example: example.prompt, _STOPS, self._score_continued)

    def _score_continued(self, examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
        programs = [
            Program(e.prompt + text, tests=e.hidden, support=function_head(e.prompt), entry_point=e.gold)
            for e, text in zip(examples, completions, strict=True)
        ]
        return judge_leniently(programs, completions, self.sandbox, self.limits)


def _example(row: dict[str, Any], tests: str) -> Example:
    return Example(row["prompt"], answer=row["canonical_solution"], gold=row["entry_point"], hidden=tests)


def _plus_tests(row: dict[str, Any]) -> str:
    return _PLUS_TESTS.format(
        reference=row["prompt"] + row["canonical_solution"],
        inputs=row["base_input"] + row["plus_input"],
        entry_point=row["entry_point"],
        atol=row["atol"],
    )


def _hub_rows() -> Iterator[dict[str, Any]]:
    instead = "Point benchmark.path at a local HumanEval.jsonl.gz."
    return read_parquet(dataset_files(REPO, "openai_humaneval/test-*.parquet", instead))
