"""What passes, what fails and as what, and what the tests may do with a program."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import FathomError
from src.sandbox.bubblewrap import require_bubblewrap
from src.sandbox.inside.wire import decode, encode
from src.sandbox.program import Limits, Program, Result
from src.sandbox.run import run_tests


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("def f(x):\n    return x + 1", "passed"),
        ("f = lambda x: 2.0", "passed"),
        ("def f(x):\n    return x", "wrong_result"),
        ("def f(x):\n    return None", "wrong_result"),
        ("def f(x):\n    return [x", "syntax"),
        ("f(x) = \0", "syntax"),
        ("return 2", "syntax"),
        ("", "exception"),
        ("def g(x):\n    return x + 1", "exception"),
        ("f = 2", "wrong_result"),
        ("def f():\n    return 2", "exception"),
        ("def f(x):\n    return 1 / 0", "exception"),
        ("import numpy", "exception"),
        ("def f(x):\n    return f(x)", "exception"),
        ("def f(x):\n    assert False", "exception"),
    ],
)
def test_classes(mode: str, code: str, kind: str) -> None:
    (result,) = run_tests([Program(code, "assert f(1) == 2")], mode)
    assert result.kind == kind, result


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def f(xs):\n    xs.sort()", "xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]"),
        (
            "def f(d, s):\n    d['a'] = s\n    s.add(4)",
            "d, s = {}, {3}\nf(d, s)\nassert d == {'a': {3, 4}} and s == {3, 4}",
        ),
        (
            "def f(n):\n    while True:\n        n += 1\n        yield n",
            "g = f(1)\nassert [next(g), next(g)] == [2, 3]",
        ),
        ("def f():\n    return (x for x in 'abc')", "assert list(f()) == ['a', 'b', 'c']"),
        ("from collections import Counter\ndef f(s):\n    return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
        ("def f(x):\n    raise ValueError('no')", "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'"),
        ("def f(a, *, b=1):\n    return a - b", "assert f(3, b=2) == 1"),
        ("def f(k):\n    return lambda x: x + k", "add = f(2)\nassert add(3) == 5"),
        ("def f(xs, kind):\n    return [x for x in xs if type(x) is not kind]", "assert f([1, 'a'], int) == ['a']"),
        (
            "class Stack:\n    items = []\n    def push(self, x):\n        self.items = [x]",
            "s, t = Stack(), Stack()\ns.push(1)\nt.items = [2]\nassert s.items == [1] and t.items == [2] and s != t",
        ),
        ("import sys\ndef f():\n    return 1", "assert f() == 1 and sys.maxsize > 1"),
        ("sys = 'mine'\ndef f():\n    return 1", "assert f() == 1 and sys.maxsize > 1"),
        ("def sum(xs):\n    return 7", "assert sum([1]) == 7"),
        (
            "def f():\n    return float('nan'), float('inf'), 10**5000, '\\ud800'",
            "a, b, c, d = f()\nassert a != a and d",
        ),
    ],
)
def test_what_tests_may_do(code: str, tests: str) -> None:
    entry_point = "sum" if "def sum" in code else None
    assert run_tests([Program(code, tests, entry_point=entry_point)], "limits_only") == [Result("passed")]


def test_results_come_in_order_whatever_the_workers(mode: str) -> None:
    programs = [Program(f"def f():\n    return {i % 3}", "assert f() == 0") for i in range(12)]
    kinds = [result.kind for result in run_tests(programs, mode, workers=4)]
    assert kinds == ["passed", "wrong_result", "wrong_result"] * 4


def test_nothing_passes_from_one_programs_tests_to_the_next_ones(mode: str) -> None:
    code = "def f():\n    return 1"
    leave = "import builtins, os, sys\nbuiltins.left = sys.left = 1\nos.environ['LEFT'] = '1'\nassert f() == 1"
    look = "import os, sys\nassert f() == 1 and 'LEFT' not in os.environ and not hasattr(sys, 'left')\nleft"
    results = run_tests([Program(code, leave), Program(code, look)] * 2, mode, workers=1)
    assert [result.kind for result in results] == ["passed", "exception"] * 2
    assert "name 'left' is not defined" in results[1].message


def test_one_whose_tests_come_to_no_end_does_not_keep_the_next_from_passing(mode: str) -> None:
    passing = Program("def f():\n    return 1", "assert f() == 1")
    endless = Program(passing.code, "f()\nwhile True: pass")
    dying = Program(passing.code, "import os, signal\nf()\nos.kill(os.getpid(), signal.SIGKILL)")
    asleep = Program("import time\ndef f():\n    time.sleep(1000)", passing.tests)
    programs = [passing, endless, passing, dying, passing, asleep, passing]
    results = run_tests(programs, mode, Limits(cpu_seconds=1, waiting_seconds=1), workers=1)
    kinds = ["passed", "timeout", "passed", "refused", "passed", "timeout", "passed"]
    assert [result.kind for result in results] == kinds


def test_sets_and_chance_are_the_same_in_every_run(mode: str) -> None:
    code = "import random\ndef f():\n    return list({'a', 'b', 'c', 'd', 'e'}), random.random(), hash('x')"
    first, second = run_tests([Program(code, "assert f() == 0, f()")] * 2, mode)
    assert first.kind == "wrong_result" and first.message == second.message


def test_helpers_of_the_tests_are_theirs_and_not_the_programs() -> None:
    code = "def right(x):\n    return 0\ndef f(x):\n    return 0"
    program = Program(code, "assert f(3) == right(3)", support="def right(x):\n    return x\ndef f(x):\n    pass")
    assert run_tests([program, Program(code, program.tests, program.support, "f")], "limits_only") == [
        Result("wrong_result", "AssertionError: "),
        Result("wrong_result", "AssertionError: "),
    ]


def test_tests_that_are_no_python_are_the_data_files_fault() -> None:
    with pytest.raises(FathomError, match=r"tests of a coding item cannot be run \(SyntaxError"):
        run_tests([Program("def f(): pass", "assert f( == 1")], "limits_only")


NUMBERS = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
        | st.sets(st.integers())
        | st.frozensets(st.text())
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(value=PLAIN)
def test_plain_data_travels_unchanged(value: object) -> None:
    def no_handle(_: object) -> int:
        raise AssertionError

    back = decode(encode(value, no_handle), no_handle)
    assert back == value and type(back) is type(value)


def test_without_bubblewrap_a_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FathomError, match=r"no bwrap on the PATH: install it \(apt install bubblewrap.*limits_only"):
        require_bubblewrap.__wrapped__()


def test_a_bubblewrap_that_cannot_make_a_sandbox_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(FathomError, match=r"makes no sandbox here \(bwrap: No permissions.*limits_only"):
        require_bubblewrap.__wrapped__()
