import json
from pathlib import Path
from typing import Any

import pytest

from src.benchmarks.benchmark import BadData, Example, Verdict
from src.benchmarks.mbpp import Mbpp
from src.errors import FathomError
from src.sandbox.run import require_sandbox

FILE = Path(__file__).parents[3] / "shared" / "data" / "mbpp" / "mbpp.jsonl"
needs_data = pytest.mark.skipif(not FILE.is_file(), reason=f"the real MBPP file is not at {FILE}")


def mbpp(path: Path, **fields: Any) -> Mbpp:
    fields = {"pool_file": None, "pool_repo": None, "sandbox": "limits_only", **fields}
    return Mbpp(name="mbpp", max_new_tokens=512, path=path, **fields)


@needs_data
@pytest.mark.slow
def test_every_reference_solution_passes() -> None:
    try:
        require_sandbox("bubblewrap")
    except FathomError as error:
        pytest.skip(f"bubblewrap does not work here: {error}")
    benchmark = mbpp(FILE, sandbox="bubblewrap")
    test = benchmark.test()
    verdicts = benchmark.score_all(test, [example.answer for example in test])
    assert [e.gold for e, verdict in zip(test, verdicts, strict=True) if verdict.score != 1.0] == []


@needs_data
def test_the_official_splits() -> None:
    benchmark = mbpp(FILE)
    pool, test = benchmark.pool(), benchmark.test()
    assert (len(pool), len(test)) == (464, 500)
    assert {example.prompt for example in pool}.isdisjoint(example.prompt for example in test)
    assert all(example.gold in example.prompt and "\r" not in example.answer for example in pool + test)


@needs_data
def test_the_standard_prompt_is_the_papers() -> None:
    benchmark = mbpp(FILE)
    rows = {row["task_id"]: row for row in map(json.loads, FILE.read_text().splitlines())}
    test = benchmark.test()[:4]
    standard = benchmark.standard()
    parts = []
    for task in (2, 3, 4, 11):
        text, tests = rows[task]["text"], "\n".join(rows[task]["test_list"])
        parts.append(
            f"You are an expert Python programmer, and here is your task: {text} "
            f"Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
        )
        parts.append(rows[task]["code"].replace("\r\n", "\n") + "\n[DONE]\n\n")
    assert standard.ask(test[0]) == "".join(parts[:-1])
    completions = [standard.own(f"{example.answer}\n[DONE]\n\nYou are (") for example in test]
    assert [verdict.score for verdict in standard.score(test, completions)] == [1.0] * 4


ROW = {
    "text": "Write a function to add.",
    "code": "def add(a, b):\r\n  return a + b",
    "task_id": 11,
    "test_setup_code": "",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
}


def test_an_item_and_its_verdicts(tmp_path: Path) -> None:
    file = tmp_path / "mbpp.jsonl"
    file.write_text("".join(json.dumps({**ROW, "task_id": number}) + "\n" for number in (1, 11, 511)))
    benchmark = mbpp(file)
    (example,) = benchmark.test()
    shown = "Write a function to add.\nYour code should pass these tests:\n" + "\n".join(ROW["test_list"])
    assert example == Example(shown, "def add(a, b):\n  return a + b", "add", "\n" + "\n".join(ROW["test_list"]) + "\n")
    code = "def add(a, b): return b + a\n"
    assert benchmark.score(example, f"```python\n{code}```") == Verdict(1.0, code, None)
    assert benchmark.score(example, f"As follows.\n{code}That is all.") == Verdict(1.0, code, None)
    assert benchmark.score(example, "def add(a, b): return a") == Verdict(
        0.0, "def add(a, b): return a\n", "reasoning", "wrong_result"
    )
    assert benchmark.score(example, "def plus(a, b): return a + b") == Verdict(0.0, None, "format", "exception")
    assert benchmark.score(example, "a + b is the sum") == Verdict(0.0, None, "format", "syntax")
    assert benchmark.score(example, "") == Verdict(0.0, None, "format", "exception")


def test_tests_that_call_nothing_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mbpp.jsonl"
    file.write_text(json.dumps({**ROW, "test_list": ["assert True"]}) + "\n")
    with pytest.raises(BadData, match="task 11: its tests call no function of its reference solution"):
        mbpp(file).test()
