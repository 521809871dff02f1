"""MBPP: mostly basic Python problems, each a sentence and three tests (Austin et al. 2108.07732)."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from src.benchmarks.benchmark import BadData, Example, StandardPrompt, Verdict
from src.benchmarks.data.code_pool import code_pool
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.parquet_files import read_parquet
from src.benchmarks.scoring.code_text import CodeBenchmark, judge_leniently, whole_program
from src.sandbox.program import Program

REPO = "google-research-datasets/mbpp"
# Task ids, both ends included. 1–10 are the paper's few-shot prompts and in neither.
TEST = range(11, 511)
TRAIN = range(511, 975)
SHOTS = range(2, 5)
_SHOWN = "\nYour code should pass these tests:\n"


class Mbpp(CodeBenchmark):
    """Tasks 511–974 (464; validation and finetuning split of the paper) are the pool, 11–510 (500) the test set.

    As in the paper the prompt shows the three tests that judge the answer: they say what the function is called.

    The standard prompt for a base is the paper's, with the tasks 2, 3 and 4 before it as in lm-evaluation-harness; all
    up to `[DONE]` is the program.
    """

    path: Path | None = Field(description="mbpp.jsonl; null: google-research-datasets/mbpp from the hub")
    pool_file: Path | None = Field(description="finetune on this instead: JSON Lines with instruction and response")
    pool_repo: str | None = Field(description="finetune on this instead: a data set on the hub with these columns")

    @field_validator("path", "pool_file")
    @classmethod
    def _is_a_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.expanduser().is_file():
            raise ValueError(f"there is no file {path}")
        return path and path.expanduser()

    def pool(self) -> list[Example]:
        if self.pool_file is not None or self.pool_repo is not None:
            return code_pool(self.pool_file, self.pool_repo)
        return self._tasks(TRAIN)

    def test(self) -> list[Example]:
        return self._tasks(TEST)

    def data_files(self) -> list[Path]:
        return [file for file in (self.path, self.pool_file) if file is not None]

    def program(self, example: Example, completion: str) -> Program:
        """`gold` is the name of the function that the tests call."""
        return Program(whole_program(completion), tests=example.hidden, entry_point=example.gold)

    def standard(self) -> StandardPrompt:
        shots = "".join(f"{_asked(shot)}{shot.answer}\n[DONE]\n\n" for shot in self._tasks(SHOTS))

        def score(examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
            pairs = zip(examples, completions, strict=True)
            programs = [Program(text, tests=e.hidden, entry_point=e.gold) for e, text in pairs]
            return judge_leniently(programs, completions, self.sandbox, self.limits)

        return StandardPrompt(lambda example: shots + _asked(example), ("[DONE]",), score)

    def _tasks(self, ids: range) -> list[Example]:
        fields = {"text": str, "code": str, "task_id": int, "test_setup_code": str, "test_list": list}
        rows = _hub_rows() if self.path is None else read_jsonl(self.path, fields)
        return [_example(row, f"{self.path or REPO}, task {row['task_id']}") for row in rows if row["task_id"] in ids]


def _asked(task: Example) -> str:
    text, _, tests = task.prompt.partition(_SHOWN)
    return (
        f"You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n"
        f"{tests}\n[BEGIN]\n"
    )


def _example(row: dict[str, Any], place: str) -> Example:
    tests = "\n".join(row["test_list"]).replace("\r\n", "\n")
    code = row["code"].replace("\r\n", "\n").strip("\r\n")
    return Example(
        prompt=f"{row['text']}{_SHOWN}{tests}",
        answer=code,
        gold=_function_name(code, tests, place),
        hidden=f"{row['test_setup_code']}\n{tests}\n".replace("\r\n", "\n"),
    )


def _function_name(code: str, tests: str, place: str) -> str:
    """The function of the reference solution that the tests call; it may bear a builtin's name, such as `sum`."""
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(ast.parse(tests)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
            return node.func.id
    raise BadData(f"{place}: its tests call no function of its reference solution.")


def _hub_rows() -> Iterator[dict[str, Any]]:
    instead = "Point benchmark.path at a local mbpp.jsonl."
    splits = ("prompt", "test", "validation", "train")
    return read_parquet([file for split in splits for file in dataset_files(REPO, f"full/{split}-*.parquet", instead)])
