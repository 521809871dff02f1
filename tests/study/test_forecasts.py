import numpy as np
import pytest

from src.scaling.curve import Curve, Measurement
from src.study.forecasts import forecasts, through_the_loss
from src.tracking.query import PointRecord

SIZES = (0, 10, 32, 100, 316, 1000)
DOUBLINGS = [10, 20, 40, 80, 160, 320, 640]


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


def test_examples_needed_lie_where_the_curve_crosses_the_target(made):
    half, most, nearly_all = made["fast"].needed
    assert (half.target, most.target, nearly_all.target) == (0.5, 0.8, 0.9)
    assert half.low < 30 * ((0.9 / 0.5) ** (1 / 0.4) - 1) < half.high
    assert half.n < most.n and most.n > 500
    # 1 − 0.9·(1 + n/30)^−0.2 is 0.9 at n = 1.8 million, beyond a thousand times the largest n.
    assert made["slow"].needed[2].farthest == 1_000_000


def test_targets_of_losses_are_shares_of_the_last():
    falling = Curve("l", "eval/nll", "loss", tuple(Measurement(n, 0, 3 * n**-0.1) for n in SIZES[1:]))
    (of,) = forecasts([falling], points_of([falling]), seed=0)
    assert [needed.target for needed in of.needed] == pytest.approx(
        [0.9 * of.measured, 0.75 * of.measured, of.measured / 2]
    )
    assert of.needed[0].n == pytest.approx(1000 * 0.9**-10, rel=0.2)
    assert of.gain.value == pytest.approx(of.measured * (2**-0.1 - 1), rel=0.2)
    assert of.ranked[8000].probability_best == 1


def test_bases_are_ranked_beyond_the_benchmarks_largest_n(made):
    order = sorted((of for of in made.values()), key=lambda of: of.ranked[8000].regret)
    assert [of.curve.name for of in order] == ["fast", "middle", "short", "slow"]
    assert sum(of.ranked[8000].probability_best for of in order) == pytest.approx(1)


def test_what_comes_next(made):
    fast = made["fast"]
    assert fast.gain.n == 1000 and 0 < fast.gain.low < fast.gain.value < fast.gain.high
    assert fast.next_n.n in (1000, 2000, 4000) and fast.next_n.after < fast.next_n.now
    assert made["short"].saturation.verdict == "cannot tell"


def test_a_base_alone_has_no_forecast():
    alone = curve("alone", 0.3, (0,))
    assert forecasts([alone], points_of([alone]), seed=0) == []


def test_benchmarks_do_not_mix():
    one, other = curve("one", 0.3, (10, 100, 1000)), curve("other", 0.1, (10, 100, 1000))
    apart = forecasts([one, other], points_of([one]) | points_of([other], "c"), seed=0)
    alone = forecasts([one], points_of([one]), seed=0)
    assert apart[0].made == alone[0].made
    assert apart[0].ranked == alone[0].ranked


def both(name: str, sizes: list[int]) -> list[Curve]:
    """Losses that fall by a power law, and accuracies that a sigmoid makes of them."""
    losses = [4 * n**-0.3 for n in sizes]
    accuracies = [0.9 / (1 + np.exp(4 * (loss - 1))) for loss in losses]
    return [
        Curve(
            name,
            metric,
            kind,
            tuple(Measurement(n, 0, float(v), stderr=0.01) for n, v in zip(sizes, values, strict=True)),
        )
        for metric, kind, values in (("eval/accuracy", "accuracy", accuracies), ("eval/nll", "loss", losses))
    ]


def records(*benchmarks: str) -> dict[str, list[PointRecord]]:
    fields = dict.fromkeys(PointRecord.__dataclass_fields__)
    return {name: [PointRecord(**fields | {"benchmark": name})] for name in benchmarks}


def test_the_largest_n_is_forecast_through_the_loss_of_its_own_benchmark() -> None:
    rows = through_the_loss([*both("math", DOUBLINGS), *both("short", DOUBLINGS[:3])], records("math", "short"), seed=0)
    assert [(row.benchmark, row.forecast.n) for row in rows] == [("math", 640)]
    low, high = rows[0].forecast.interval_90
    assert low <= rows[0].measured <= high and rows[0].forecast.value == pytest.approx(rows[0].measured, abs=0.05)


def test_accuracies_alone_have_no_second_step() -> None:
    accuracy, _ = both("math", DOUBLINGS)
    assert through_the_loss([accuracy], records("math"), seed=0) == []
