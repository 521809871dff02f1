from collections import Counter
from hashlib import sha256
from json import loads
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from src.benchmarks.benchmark import Verdict
from src.benchmarks.list_functions import Function, ListFunctions, hidden_tests, probes
from src.errors import FathomError
from src.models.tiny import Family, tiny_tokenizer
from src.sandbox.run import require_sandbox

CONFIG = Path(__file__).parents[2] / "conf/benchmark/list_functions.yaml"


def list_functions(**changes: Any) -> ListFunctions:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.list_functions.ListFunctions"
    return ListFunctions(**{**fields, "sandbox": "limits_only", **changes})


def function(hidden: str) -> Function:
    variable, steps = loads(hidden)
    return Function(variable, tuple((name, tuple(parameters)) for name, parameters in steps))


def test_sizes_and_disjointness_of_the_shipped_config() -> None:
    benchmark = list_functions()
    pool, test = benchmark.pool(), benchmark.test()
    assert len(pool) >= 12_000 and len(test) == 300
    prompts = {example.prompt for example in pool}
    assert len(prompts) == len(pool)
    assert prompts.isdisjoint(example.prompt for example in test)
    assert max(len(example.prompt.split()) for example in pool + test) <= 50
    steps = Counter(len(loads(example.hidden)[1]) for example in test)
    assert set(steps) == {1, 2, 3, 4} and min(steps.values()) >= 30


def test_pool_and_test_set_are_drawn_alike_to_the_last_example() -> None:
    benchmark = list_functions()
    pool, test = benchmark.pool(), benchmark.test()
    for part in (test, pool[:2000], pool[-2000:]):
        short = sum(len(loads(example.hidden)[1]) == 1 for example in part) / len(part)
        assert abs(short - 1 / 6) < 4 * (1 / 6 * 5 / 6 / len(part)) ** 0.5


def test_operations_are_as_unequal_as_their_rarity_says() -> None:
    def common(rarity: float) -> float:
        steps = [loads(e.hidden) for e in list_functions(pool_size=2000, rarity=rarity).pool()]
        names = [name for variable, of in steps for name, _ in of if variable == "xs"]
        return names.count("above") / len(names)

    # 1/34 of all, and 1 over the sum of 1/rank (0.24); less, as no operation comes twice in a description.
    assert 0.02 < common(0.0) < 0.05
    assert 0.14 < common(1.0) < 0.24


def test_an_answer_fits_into_the_tokens_that_it_may_take() -> None:
    benchmark = list_functions()
    for family in get_args(Family):
        tokenizer = tiny_tokenizer(family)
        longest = max(len(tokenizer.encode(e.answer)) for e in benchmark.test() + benchmark.pool()[:3000])
        assert longest < benchmark.max_new_tokens


def test_every_reference_passes_in_the_sandbox() -> None:
    try:
        require_sandbox("bubblewrap")
    except FathomError as error:
        pytest.skip(f"bubblewrap does not work here: {error}")
    benchmark = list_functions(sandbox="bubblewrap", test_size=60)
    test = benchmark.test()
    assert all(v.score == 1.0 for v in benchmark.score_all(test, [example.answer for example in test]))


def test_the_answer_is_what_the_ground_truth_does() -> None:
    # In this process: the code is the generator's own, and all 300 take no time.
    benchmark = list_functions()
    for example in benchmark.test():
        truth, space = function(example.hidden), {}
        exec(example.answer, space)
        assert all(space["f"](value) == truth(value) for value in probes(truth.variable))
        exec(hidden_tests(truth), space)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**31))
def test_the_hidden_tests_tell_every_near_miss(seed: int) -> None:
    for example in list_functions(test_size=3, pool_size=1, seed=seed).test():
        truth = function(example.hidden)
        for other in truth.near_misses():
            if all(other(value) == truth(value) for value in probes(truth.variable)):
                continue  # the same function, written in another way
            with pytest.raises(AssertionError):
                exec(hidden_tests(truth), {"f": other})


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31))
def test_no_step_is_idle(seed: int) -> None:
    for example in list_functions(test_size=3, pool_size=1, seed=seed).test():
        truth = function(example.hidden)
        for i in range(len(truth.steps)):
            shorter = Function(truth.variable, truth.steps[:i] + truth.steps[i + 1 :])
            assert any(shorter(value) != truth(value) for value in probes(truth.variable))


def test_verdicts() -> None:
    benchmark = list_functions()
    example = next(e for e in benchmark.test() if loads(e.hidden) == ["xs", [["descending", []]]])
    completions = {
        "def f(xs):\n    return sorted(xs, reverse=True)": (1.0, None, None),
        "def f(xs):\n    return sorted(xs)[::-1]\n\nQuestion: another": (1.0, None, None),
        "def f(xs):\n    return sorted(xs)": (0.0, "reasoning", "wrong_result"),
        "def f(xs):\n    return sorted(ys)": (0.0, "reasoning", "exception"),
        "def f(xs):\n    return [x for x in xs if": (0.0, "format", "syntax"),
        "def g(xs):\n    return sorted(xs, reverse=True)": (0.0, "format", "exception"),
        "sorted, from large to small": (0.0, "format", "syntax"),
        "": (0.0, "format", "exception"),
    }
    verdicts = benchmark.score_all([example] * len(completions), list(completions))
    assert [(v.score, v.error, v.detail) for v in verdicts] == list(completions.values())
    assert isinstance(verdicts[0], Verdict) and benchmark.chance() == 0.0


def test_the_functions_are_the_same_on_every_platform() -> None:
    # Written down once. A change here is another benchmark: curves measured before it do not compare.
    benchmark = list_functions(pool_size=1000, test_size=100)
    text = "\n".join(f"{e.prompt}\n{e.answer}\n{e.hidden}" for e in benchmark.test() + benchmark.pool())
    assert sha256(text.encode()).hexdigest() == "9866f7d4c8c3d4a632eccf25abb30f99048869da2e39f21007cde13845522316"
