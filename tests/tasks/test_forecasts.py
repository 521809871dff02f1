import numpy as np
import pytest

from src.scaling.curve import Curve, Measurement
from src.tasks.forecasts import FARTHEST, examples_needed, forecasts
from src.tracking.query import PointRecord

SIZES = (0, 10, 32, 100, 316, 1000)


def curve(name, exponent, sizes=SIZES):
    draw = np.random.default_rng(0)
    points = [
        Measurement(n, seed, 1 - 0.9 * (1 + n / 30) ** -exponent * float(np.exp(0.01 * draw.standard_normal())))
        for n in sizes
        for seed in (0, 1)
    ]
    return Curve(name, "eval/accuracy", "accuracy", tuple(points))


def points_of(curves, benchmark="b"):
    return {c.name: [PointRecord("r", "k", "m", benchmark, "full", "tiny", 10, 0, 0, {}, {})] for c in curves}


@pytest.fixture(scope="module")
def made():
    curves = [curve("slow", 0.2), curve("middle", 0.3), curve("fast", 0.4), curve("short", 0.3, (0, 10, 32))]
    return {f.curve.name: f for f in forecasts(curves, points_of(curves), seed=0)}


def test_a_forecast_lies_near_the_truth_and_inside_its_interval(made):
    ahead = made["middle"].at(8)
    assert ahead.n == 8000
    assert ahead.value == pytest.approx(1 - 0.9 * (1 + 8000 / 30) ** -0.3, abs=0.05)
    assert ahead.interval_90[0] < ahead.value < ahead.interval_90[1]


def test_the_largest_n_is_held_out_of_all_curves_that_reach_it(made):
    held = made["fast"].held_out
    assert held.n == 1000
    assert held.value != made["fast"].at(2).value
    assert held.value == pytest.approx(made["fast"].measured, abs=0.05)
    assert made["short"].held_out is None
    assert made["short"].at(2).n == 64


def test_a_target_that_was_measured_needs_no_forecast(made):
    answer = examples_needed(made["fast"], 0.5)
    means = dict(zip(made["fast"].curve.sizes, made["fast"].curve.means, strict=True))
    assert means[answer.measured_at] >= 0.5
    assert max(mean for n, mean in means.items() if n < answer.measured_at) < 0.5
    assert answer.n is None


def test_examples_needed_are_where_the_forecast_crosses_the_target(made):
    answer = examples_needed(made["fast"], 0.85)
    assert answer.measured_at is None
    assert made["fast"].largest <= answer.low < answer.n < answer.high
    values = {f.n: f.value for f in made["fast"].made.forecasts}
    below, above = (max(n for n in values if n < answer.n), min(n for n in values if n > answer.n))
    assert values[below] < 0.85 <= values[above]


def test_a_target_that_is_too_far_has_no_n(made):
    answer = examples_needed(made["slow"], 0.999)
    assert answer.n is None
    assert max(f.n for f in made["slow"].made.forecasts) == FARTHEST * 1000


def test_a_base_alone_has_no_forecast():
    alone = curve("alone", 0.3, (0,))
    assert forecasts([alone], points_of([alone]), seed=0) == []


def test_benchmarks_do_not_mix():
    one, other = curve("one", 0.3, (10, 100, 1000)), curve("other", 0.1, (10, 100, 1000))
    apart = forecasts([one, other], points_of([one]) | points_of([other], "c"), seed=0)
    alone = forecasts([one], points_of([one]), seed=0)
    assert apart[0].made == alone[0].made
