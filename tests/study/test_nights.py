import numpy as np
import pytest
from scipy.stats import binom

from src.scaling.laws import laws_named
from src.study.nights import compare_exponents, compare_means, equal_points, judged, together, without_scatter
from src.tracking.query import PointRecord

METRICS = ["eval/accuracy", "eval/nll"]
SIZES = (10, 32, 100, 316, 1000)
HARD = np.random.default_rng(77).normal(0, 1.5, 200)  # of each test item, the same every night


def night(chance, skill=0.0, loss=1.0, seeds=(0, 1), wrong_scorer=False):
    """Two curves whose items are answered by chance and whose training sets scatter."""
    curves = {}
    for curve in ("a", "b"):
        points = []
        for n in SIZES:
            for seed in seeds:
                level = np.log(n / 200) + skill + chance.normal(0, 0.2)
                right = (chance.random(len(HARD)) < 1 / (1 + np.exp(HARD - level))).astype(float)
                nll = loss * (3 * n**-0.3 + 0.2) * np.exp(chance.normal(0, 0.05) + 0.1 * HARD)
                if wrong_scorer:
                    right[::2] = 0
                items = {"eval/accuracy": right, "eval/nll": nll}
                metrics = {name: float(of.mean()) for name, of in items.items()}
                params = {"model": "m", "benchmark": curve, "method": "full", "recipe": "r"}
                key = f"{curve}{n}{seed}"
                points.append(PointRecord(key, key, *params.values(), n, seed, 0, params, metrics, items=items))
        curves[curve] = points
    return curves


def alarms(tonight, before, level=0.01):
    return [row for row in judged(compare_means(tonight, before, "before", METRICS), level) if row.alarm]


def test_nights_of_the_same_code_raise_no_more_alarms_than_the_stated_rate():
    chance, nights, level = np.random.default_rng(0), 150, 0.1
    raised = sum(bool(alarms(night(chance), night(chance), level)) for _ in range(nights))
    assert raised <= binom.ppf(0.999, nights, level)


@pytest.mark.parametrize("worse", [{"loss": 1.8}, {"wrong_scorer": True}, {"skill": -2.0}])
def test_a_change_for_the_worse_is_an_alarm_and_one_for_the_better_is_none(worse):
    chance = np.random.default_rng(1)
    good, bad = night(chance), night(chance, **worse)
    assert alarms(bad, good)
    assert not alarms(good, bad)


def test_the_same_numbers_are_no_change():
    same = night(np.random.default_rng(2))
    assert not alarms(same, same)
    assert equal_points(same, same, METRICS) == (20, 20)
    other = night(np.random.default_rng(3))
    assert equal_points(same, other, METRICS) == (0, 20)


def test_an_exponent_that_moved_is_an_alarm():
    chance = np.random.default_rng(4)
    good, flat = night(chance), night(chance)
    for points in flat.values():
        for i, point in enumerate(points):
            scale = (point.n_examples / 10) ** 0.15  # loss falls by that much less
            items = {**point.items, "eval/nll": point.items["eval/nll"] * scale}
            metrics = {**point.metrics, "eval/nll": point.metrics["eval/nll"] * scale}
            points[i] = PointRecord(**{**vars(point), "items": items, "metrics": metrics})
    laws = laws_named(["power"])

    def moved(tonight):
        rows = compare_exponents(tonight, good, "before", ["eval/nll"], laws, 200, 0)
        assert {row.curve for row in rows} == {"a", "b"}
        return [row.alarm for row in judged(rows, 0.01)]

    assert all(moved(flat))
    assert not any(moved(night(chance)))


def test_nights_together_are_the_mean_of_metrics_and_items():
    nights = [night(np.random.default_rng(seed)) for seed in (5, 6, 7)]
    of = together(nights)
    for curve in "ab":
        for i, point in enumerate(of[curve]):
            same = [each[curve][i] for each in nights]
            assert point.metrics["eval/nll"] == pytest.approx(np.mean([p.metrics["eval/nll"] for p in same]))
            assert point.items["eval/accuracy"].mean() == pytest.approx(point.metrics["eval/accuracy"])


def test_holm_counts_all_comparisons_of_a_night():
    rows = compare_means(night(np.random.default_rng(8)), night(np.random.default_rng(9)), "x", METRICS)
    with_p = [type(rows[0])(**{**vars(row), "p": p}) for row, p in zip(rows, [0.0004, 0.003, 0.2] * 10, strict=False)]
    found = judged(with_p[:3], 0.01)
    assert [row.alarm for row in found] == [True, True, False]
    assert not any(row.alarm for row in judged([with_p[1], *with_p[2:12:3] * 5], 0.01))


def test_a_curve_with_one_training_set_a_size_is_named_and_not_compared():
    chance = np.random.default_rng(10)
    tonight, before = night(chance), night(chance)
    tonight["a"] = [point for point in tonight["a"] if point.seed == 0]
    assert without_scatter(tonight, before) == without_scatter(before, tonight) == ["a"]
    assert {row.curve for row in compare_means(tonight, before, "before", METRICS)} == {"b"}
