import numpy as np
import pytest

from src.study.transfer import transfers
from src.tracking.query import PointRecord


def point(n, own, other, benchmark="b", seed=0, **params):
    metrics = {"eval/accuracy": own, "eval/accuracy_stderr": 0.01}
    if other is not None:
        metrics |= {"also/o/accuracy": other, "also/o/accuracy_stderr": 0.02, "also/b/accuracy": own}
    key = f"{benchmark}{n}-{seed}"
    return PointRecord(key, key, "m", benchmark, "full", "r", n, seed, 0, params, metrics)


def test_gains_and_losses_against_the_base_at_each_n():
    rows = transfers({"c": [point(0, 0.1, 0.5), point(10, 0.3, 0.4), point(100, 0.8, 0.2)]})
    assert {(r.trained_on, r.evaluated_on, r.n): pytest.approx(r.gain) for r in rows} == {
        ("b", "b", 10): 0.2, ("b", "b", 100): 0.7, ("b", "o", 10): -0.1, ("b", "o", 100): -0.3,
    }  # fmt: skip
    other = next(r for r in rows if r.evaluated_on == "o")
    assert other.stderr == pytest.approx(np.hypot(0.02, 0.02))
    assert (other.base, other.accuracy) == (0.5, 0.4)


def test_seeds_that_differ_widen_the_error():
    same = transfers({"c": [point(0, 0.1, 0.5), *(point(10, 0.3, 0.4, seed=s) for s in (0, 1))]})
    apart = transfers({"c": [point(0, 0.1, 0.5), *(point(10, 0.3, 0.2 + 0.4 * s, seed=s) for s in (0, 1))]})
    assert apart[1].gain == pytest.approx(same[1].gain)
    assert apart[1].stderr > 5 * same[1].stderr


def test_another_pool_is_what_it_was_trained_on():
    rows = transfers({"c": [point(n, 0.1, 0.5, train_on="general") for n in (0, 10)]})
    assert {row.trained_on for row in rows} == {"general"}


def test_a_curve_without_its_base_or_without_other_benchmarks_has_no_transfer():
    assert transfers({"no base": [point(10, 0.3, 0.4)], "alone": [point(0, 0.1, None), point(10, 0.2, None)]}) == []
