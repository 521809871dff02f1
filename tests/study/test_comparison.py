import numpy as np
import pytest

from src.study.comparison import differences, measured_means, pairs
from src.study.curves import curves_of
from src.tracking.query import PointRecord


def point(n, accuracy=0.5, direct=None, **params):
    known = {"model": "m", "benchmark": "b", "method": "full", "recipe": "paper", "recipe.lr": "0.1"}
    params = {**known, "n_examples": str(n), "seed": "0", "recipe.batch_examples": str(n), **params}
    place = [params[key] for key in ("model", "benchmark", "method", "recipe")]
    metrics = {"eval/accuracy": accuracy, "eval/accuracy_stderr": 0.03, "eval/n_items": 100.0}
    if direct is not None:
        metrics |= {"eval/direct": direct, "eval/direct_stderr": 0.04}
    key = f"{sorted(params.items())}"
    return PointRecord(key, key, *place, n, 0, 0, params, metrics)


def curves(*points):
    return curves_of(points)[0]


def test_a_recipe_with_all_its_params_is_one_difference():
    a, b = point(10), point(10, recipe="fixed_batch", **{"recipe.lr": "0.2"})
    (pair,) = pairs(curves(a, b))
    assert (pair.factor, pair.value_a, pair.value_b) == ("recipe", "fixed_batch", "paper")


def test_two_differences_or_another_model_or_benchmark_make_no_pair():
    first = {"first": "1000 multihop"}
    given = {"benchmark.given": "prompt"}
    grid = [
        point(10, **{"first": "0 multihop", "benchmark.given": "none"} | f | g)
        for f in ({}, first)
        for g in ({}, given)
    ]
    found = pairs(curves(*grid))
    assert sorted(pair.factor for pair in found) == ["benchmark.given", "benchmark.given", "first", "first"]
    assert pairs(curves(point(10), point(10, model="other"), point(10, benchmark="other"))) == []


def test_a_param_that_only_one_has_is_a_difference():
    (pair,) = pairs(curves(point(10), point(10, train_on="general")))
    assert (pair.factor, {pair.value_a, pair.value_b}) == ("train_on", {"–", "general"})


def test_differences_at_the_sizes_that_both_have_with_their_interval():
    points = curves(
        point(10, 0.3), point(100, 0.6, direct=0.7), point(100, 0.4, direct=0.9, first="1000 multihop"),
        point(1000, 0.8, first="1000 multihop"),
    )  # fmt: skip
    rows = differences(points, pairs(points), 0.9)
    by_metric = {row.metric: row for row in rows}
    assert set(by_metric) == {"eval/accuracy", "eval/direct"}
    assert {row.n for row in rows} == {100}
    accuracy = by_metric["eval/accuracy"]
    sign = 1 if accuracy.value_a == "–" else -1
    assert sign * accuracy.difference == pytest.approx(-0.2)
    assert accuracy.high - accuracy.low == pytest.approx(2 * 1.6449 * np.hypot(0.03, 0.03), rel=1e-4)


def test_every_mean_has_its_interval():
    rows = measured_means(curves(point(10, 0.3, direct=0.5)), 0.9)
    assert {row.metric: pytest.approx(row.mean) for row in rows} == {"eval/accuracy": 0.3, "eval/direct": 0.5}
    assert all(row.low < row.mean < row.high for row in rows)
