from collections import Counter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from src.benchmarks.arithmetic import Arithmetic

CONFIG = Path(__file__).parents[2] / "conf/benchmark/arithmetic.yaml"


def arithmetic(**changes: int) -> Arithmetic:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.arithmetic.Arithmetic"
    return Arithmetic(**{**fields, **changes})


def test_sizes_and_disjointness_of_the_shipped_config() -> None:
    benchmark = arithmetic()
    pool, test = benchmark.pool(), benchmark.test()
    assert len(pool) >= 20_000 and len(test) == 1_000
    prompts = {example.prompt for example in pool}
    assert len(prompts) == len(pool)
    assert prompts.isdisjoint(example.prompt for example in test)


def test_pool_and_test_are_the_same_on_every_call_and_another_seed_is_another_world() -> None:
    first, again, other = (arithmetic(pool_size=50, test_size=50, seed=seed) for seed in (0, 0, 1))
    assert first.pool() == again.pool() and first.test() == again.test()
    assert first.pool() != other.pool() and first.test() != other.test()


def test_steps_cover_the_whole_range() -> None:
    steps = Counter(example.answer.count("\n") for example in arithmetic().test())
    assert set(steps) == set(range(1, 9))
    assert min(steps.values()) > 80


def test_every_reference_scores_right_and_every_other_number_wrong() -> None:
    benchmark = arithmetic()
    for example in benchmark.test():
        assert example.answer.endswith(f"\n#### {example.gold}")
        assert benchmark.score(example, example.answer).score == 1.0
        worked = example.answer.rpartition(" ")[0]
        wrong = benchmark.score(example, f"{worked} {int(example.gold) + 1}")
        assert (wrong.score, wrong.error) == (0.0, "reasoning")
        cut = benchmark.score(example, worked.removesuffix("####"))
        assert (cut.score, cut.extracted, cut.error) == (0.0, None, "format")


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 12))
def test_worked_steps_lead_to_the_gold_answer(seed: int, steps: int) -> None:
    benchmark = arithmetic(pool_size=1, test_size=3, min_steps=steps, max_steps=steps, seed=seed)
    for example in benchmark.test():
        lines = example.answer.splitlines()
        assert len(lines) == steps + 1
        assert lines[-2].endswith(f"={example.gold}")
        for before, after in pairwise(lines[:-1]):
            assert after.startswith(before.partition("=")[2])


def test_step_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_steps"):
        arithmetic(min_steps=5, max_steps=4)


def test_no_constant_answer_scores_above_three_percent() -> None:
    benchmark = arithmetic()
    golds = Counter(example.gold for example in benchmark.test())
    assert golds.most_common(1)[0][1] <= 0.03 * len(benchmark.test())


def test_the_problems_are_the_same_on_every_platform() -> None:
    # Written down once. A change here is another benchmark: curves measured before it do not compare.
    benchmark = arithmetic(pool_size=1000, test_size=100)
    text = "\n".join(f"{example.prompt}\n{example.answer}" for example in benchmark.test() + benchmark.pool())
    assert sha256(text.encode()).hexdigest() == "89f0da476defccadbd10e183e260cf78223c4f5ebcfe3702b94ec8528ba215fd"
