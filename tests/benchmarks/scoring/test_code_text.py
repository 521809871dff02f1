import pytest

from src.benchmarks.benchmark import Verdict
from src.benchmarks.scoring.code_text import judge_code, whole_program

PROGRAM = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (PROGRAM, PROGRAM),
        (f"```python\n{PROGRAM}```", PROGRAM),
        (f"Here:\n\n```py\n{PROGRAM}```\nand\n```\nf(1)\n```", PROGRAM),
        (f"  ```\n{PROGRAM}", PROGRAM),
        (f"Sure, here it is.\n{PROGRAM}\nThis adds one to x.\n", f"{PROGRAM}\n"),
        (f"K = 3\nimport math\n{PROGRAM}", f"K = 3\nimport math\n{PROGRAM}"),
        (f"{PROGRAM}f.name = 'f'\nQuestion: what next?", f"{PROGRAM}f.name = 'f'\n"),
        ("def f(\n    x,\n):\n    return x\n", "def f(\n    x,\n):\n    return x\n"),
        ("no code", "no code"),
        ("", ""),
    ],
)
def test_where_the_program_is(completion: str, program: str) -> None:
    assert whole_program(completion).rstrip("\n") == program.rstrip("\n")


def test_a_users_own_tests_judge_each_completion() -> None:
    tests = ["assert f(1) == 2\nassert f(-1) == 0", "assert f(1) == 3", "assert f(1) == 2", "assert f(1) == 2"]
    completions = [f"```python\n{PROGRAM}```", PROGRAM, "I do not know.", ""]
    assert judge_code(tests, completions, "limits_only") == [
        Verdict(1.0, PROGRAM, None),
        Verdict(0.0, PROGRAM + "\n", "reasoning", "wrong_result"),
        Verdict(0.0, None, "format", "syntax"),
        Verdict(0.0, None, "format", "exception"),
    ]


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        (f"{PROGRAM}def g(x):\n    return (x", 1.0),
        (f"```\npip install f\n```\nand then\n```python\n{PROGRAM}```", 1.0),
        (f"import numpy as\n{PROGRAM}", 1.0),
        ("def f(x):\n    y = x + 1\n    return (y", 0.0),
    ],
)
def test_what_holds_a_program_beside_what_is_none_is_judged_leniently(completion: str, score: float) -> None:
    (verdict,) = judge_code(["assert f(1) == 2"], [completion], "limits_only")
    assert (verdict.score, verdict.error, verdict.detail) == (0.0, "format", "syntax")
    assert verdict.lenient is not None and verdict.lenient.score == score


def test_prose_is_no_program_leniently_either() -> None:
    (verdict,) = judge_code(["assert f(1) == 2"], ["I do not (know."], "limits_only")
    assert verdict == Verdict(0.0, None, "format", "syntax")
