import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.humaneval import HumanEval
from src.errors import FathomError
from src.sandbox.run import require_sandbox

FILE = Path(__file__).parents[3] / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
needs_data = pytest.mark.skipif(not FILE.is_file(), reason=f"the real HumanEval file is not at {FILE}")

ROW = {
    "task_id": "HumanEval/0",
    "prompt": 'import math\n\ndef half(x: float):\n    """ Half of x. """\n',
    "entry_point": "half",
    "canonical_solution": "    return x / 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 1.5\n    assert candidate(-2) == -1\n",
}


def humaneval(**fields: Any) -> HumanEval:
    defaults = {"path": None, "plus_file": None, "pool_file": None, "pool_repo": None, "sandbox": "limits_only"}
    return HumanEval(name="humaneval", max_new_tokens=512, **{**defaults, **fields})


def written(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return file


@pytest.fixture
def one(tmp_path: Path) -> tuple[HumanEval, Example]:
    benchmark = humaneval(path=written(tmp_path / "one.jsonl.gz", ROW))
    (example,) = benchmark.test()
    return benchmark, example


@needs_data
@pytest.mark.slow
def test_every_reference_passes_and_an_empty_body_never() -> None:
    try:
        require_sandbox("bubblewrap")
    except FathomError as error:
        pytest.skip(f"bubblewrap does not work here: {error}")
    benchmark = humaneval(path=FILE, sandbox="bubblewrap")
    test = benchmark.test()
    assert len(test) == 164
    verdicts = benchmark.score_all([*test, *test], [*(example.answer for example in test), *[""] * 164])
    assert [verdict.score for verdict in verdicts] == [1.0] * 164 + [0.0] * 164
    assert {(verdict.error, verdict.detail) for verdict in verdicts[164:]} == {("reasoning", "wrong_result")}


RIGHT = {
    "the body": "    return x / 2\n",
    "the body, and on to something else": "    return x / 2\n\n\ndef other():\n    return 1 +\n",
    "the body, then prose": "    y = x\n\n    return y / 2\nThis halves x.",
    "the body without its first indentation": "y = x\n    return y / 2",
    "the body without indentation": "y = x\nreturn y / 2",
    "a block without indentation": "if x:\n    return x / 2\nreturn 0",
    "a block without its first indentation": "if x:\n        return x / 2\n    return 0",
    "the whole function": "def half(x):\n    return math.fabs(x) / 2 if x > 0 else x / 2",
    "the whole function amid prose": "Here it is:\n\ndef half(x):\n    return x / 2\n\nIt halves x.",
    "a fenced function": "Sure!\n```python\ndef g(x):\n    return x / 2\n\ndef half(x):\n    return g(x)\n```\nDone.",
    "a fenced body": "```python\n    return x / 2\n```",
    "a fence that does not close": "```\ndef half(x):\n    return x / 2\n",
    "line ends of another system": "```python\r\ndef half(x):\r\n    return x / 2\r\n```\r\n",
}
WRONG = {
    "pass": ("    pass", ("reasoning", "wrong_result")),
    "prose": ("I cannot do that.", ("format", "syntax")),
    "cut off": ("    return (x", ("format", "syntax")),
    "another number": ("    return x", ("reasoning", "wrong_result")),
    "an exception": ("    return x / 0", ("reasoning", "exception")),
    "an end": ("    exit(0)", ("reasoning", "exception")),
}


@pytest.mark.parametrize("completion", RIGHT.values(), ids=RIGHT)
def test_right_completions_pass_in_whatever_form(one: tuple[HumanEval, Example], completion: str) -> None:
    benchmark, example = one
    verdict = benchmark.score(example, completion)
    assert (verdict.score, verdict.error, verdict.detail) == (1.0, None, None), verdict.extracted


@pytest.mark.parametrize(("completion", "error"), WRONG.values(), ids=WRONG)
def test_wrong_completions_are_classed(one: tuple[HumanEval, Example], completion: str, error: tuple) -> None:
    benchmark, example = one
    verdict = benchmark.score(example, completion)
    assert (verdict.score, verdict.error, verdict.detail) == (0.0, *error)
    assert (verdict.extracted is None) == (verdict.error == "format")


def test_the_published_example_scores_a_half(tmp_path: Path) -> None:
    """The example problem of openai/human-eval and its six samples: three pass, 0.5 by its README."""
    problem = {
        "task_id": "test/0",
        "prompt": "def return1():\n",
        "canonical_solution": "    return 1",
        "test": "def check(candidate):\n    assert candidate() == 1",
        "entry_point": "return1",
    }
    samples = [
        "    import subprocess\n    subprocess.check_output('rm -rf tmp')",
        "    import time\n    time.sleep(10)\n    return 1",
        "    return input('enter a number')",
        "    return 1",
        "  return 1",
        "\treturn 1",
    ]
    benchmark = humaneval(path=written(tmp_path / "example_problem.jsonl.gz", problem))
    verdicts = benchmark.score_all(benchmark.test() * 6, samples)
    assert [verdict.score for verdict in verdicts] == [0, 0, 0, 1, 1, 1]
    assert verdicts[1].detail == "timeout"


def test_the_standard_prompt_is_the_items_own(one: tuple[HumanEval, Example]) -> None:
    benchmark, example = one
    standard = benchmark.standard()
    assert standard.ask(example) == ROW["prompt"]
    body = ROW["canonical_solution"]
    texts = [f"{body}\ndef other():\n    return (", f"{body}# more\n", "   return x / 2", f"{body}\nprint(half(3))"]
    verdicts = standard.score([example] * 4, [standard.own(text) for text in texts])
    assert [verdict.score for verdict in verdicts] == [1.0, 1.0, 0.0, 1.0]
    assert (verdicts[2].error, verdicts[2].detail) == ("format", "syntax")


def test_a_body_ends_at_the_first_stop_and_a_whole_function_does_not(one: tuple[HumanEval, Example]) -> None:
    benchmark, _ = one
    body = ROW["canonical_solution"]
    for further in (
        "\ndef half(x):\n    return 0\n",
        "\nprint(half(3))",
        "\n# Tests\n```python\ndef half(x): pass\n```",
    ):
        assert benchmark.own(body + further) == body
    whole = f"\nimport math\ndef half(x):\n{body}\nprint(half(3))"
    fenced = f"Here:\n```python\nclass A: ...\ndef half(x):\n{body}```"
    assert [benchmark.own(text) for text in (whole, fenced, "  " + whole)] == [whole, fenced, "  " + whole]


def test_the_example(one: tuple[HumanEval, Example]) -> None:
    benchmark, example = one
    assert (example.prompt, example.answer, example.gold) == (ROW["prompt"], ROW["canonical_solution"], "half")
    assert example.hidden.endswith("check(half)\n")
    assert benchmark.chance() == 0.0


def test_plus_inputs_are_held_against_the_reference(tmp_path: Path) -> None:
    row = {key: ROW[key] for key in ("task_id", "prompt", "entry_point", "canonical_solution")}
    plus = {**row, "base_input": [[3], [-2]], "plus_input": [[0], [10**6], [0.1]], "atol": 0, "contract": ""}
    benchmark = humaneval(plus_file=written(tmp_path / "plus.jsonl.gz", plus))
    (example,) = benchmark.test()
    bodies = [
        "    return x / 2",
        "    return x * 0.5 + 1e-9",
        "    return x * 0.5 + 1e-3",
        "    return x / 2 if x < 99 else 0",
    ]
    assert [v.score for v in benchmark.score_all([example] * 4, bodies)] == [1.0, 1.0, 0.0, 0.0]
    root = {
        **plus,
        "prompt": "def poly(xs, x):\n    return xs[0] + xs[1] * x\n\ndef find_zero(xs):\n    ''' root '''\n",
        "entry_point": "find_zero",
        "canonical_solution": "    return -xs[0] / xs[1]\n",
        "base_input": [[[1, 2]]],
        "plus_input": [[[3, -1]]],
        "atol": 1e-4,
    }
    benchmark = humaneval(plus_file=written(tmp_path / "root.jsonl.gz", root))
    (example,) = benchmark.test()
    bodies = ["    return -xs[0] / xs[1] + 1e-6", "    return 0.0"]
    assert [v.score for v in benchmark.score_all([example] * 2, bodies)] == [1.0, 0.0]


def test_the_pool_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_text(json.dumps({"instruction": "Halve x.", "response": "```python\n…```"}) + "\n")
    benchmark = humaneval(pool_file=file)
    assert benchmark.pool() == [Example("Halve x.", "```python\n…```", gold="")]
    assert benchmark.data_files() == [file]


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="there is no file"):
        humaneval(path=tmp_path / "nowhere.jsonl")
    with pytest.raises(BadData, match=r"line 1: the field 'plus_input' is missing"):
        humaneval(plus_file=written(tmp_path / "a.jsonl.gz", {**ROW, "base_input": []})).test()
    (tmp_path / "b.jsonl").write_text("{")
    with pytest.raises(BadData, match=r"b\.jsonl, line 1: not valid JSON"):
        humaneval(path=tmp_path / "b.jsonl").test()
    (tmp_path / "c.jsonl.gz").write_text("plain")
    with pytest.raises(BadData, match=r"c\.jsonl\.gz cannot be read"):
        humaneval(path=tmp_path / "c.jsonl.gz").test()
