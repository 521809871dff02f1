import numpy as np
import pytest

from src.study.error_classes import error_correlations, error_rates, few_format_errors
from src.tracking.query import PointRecord


def point(n, form, reasoning, seed=0, benchmark="b", **details):
    metrics = {"eval/format_error_rate": form, "eval/reasoning_error_rate": reasoning, "eval/n_items": 100}
    metrics |= {f"eval/error/{name}": share for name, share in details.items()}
    key = f"{benchmark}{n}-{seed}"
    return PointRecord(key, key, "m", benchmark, "full", "r", n, seed, 0, {}, metrics)


def test_rates_are_means_over_seeds_and_an_unlogged_detail_did_not_occur():
    rows = error_rates({"c": [point(10, 0.2, 0.5, seed=0, syntax=0.1), point(10, 0.4, 0.3, seed=1)]})
    (row,) = rows
    assert (row.curve, row.n, row.seeds) == ("c", 10, 2)
    assert (row.format, row.reasoning) == pytest.approx((0.3, 0.4))
    assert row.details == {"syntax": pytest.approx(0.05)}


@pytest.mark.parametrize(
    ("rates", "from_n", "above_at"),
    [
        ({0: 0.7, 10: 0.3, 100: 0.04, 1000: 0.0}, 100, 10),
        ({0: 0.7, 10: 0.04, 100: 0.06, 1000: 0.01}, 1000, 100),  # they came back at 100
        ({0: 0.01, 10: 0.0}, 0, None),
        ({0: 0.01, 10: 0.3}, None, 10),
    ],
)
def test_from_which_n_format_errors_are_few(rates, from_n, above_at):
    (found,) = few_format_errors(error_rates({"c": [point(n, rate, 0.1) for n, rate in rates.items()]}))
    assert (found.from_n, found.above_at) == (from_n, above_at)


def test_correlations_are_those_of_the_points_with_an_interval_around_them():
    draw = np.random.default_rng(0)
    rates = [(n, 0.3 * n**-0.3 * draw.uniform(0.9, 1.1), n**-0.2 * 0.6, s) for n in (10, 32, 100, 316) for s in (0, 1)]
    points = [point(n, f, r, s) for n, f, r, s in rates]
    by_format, by_reasoning = error_correlations({"c": points}, 500, 0.9, 0)
    total = [f + r for _, f, r, _ in rates]
    assert by_format.r == pytest.approx(np.corrcoef([f for _, f, _, _ in rates], total)[0, 1])
    assert by_reasoning.r_squared == pytest.approx(np.corrcoef([r for _, _, r, _ in rates], total)[0, 1] ** 2)
    assert by_format.points == 8
    assert by_format.low <= by_format.r_squared <= by_format.high


def test_curves_of_a_benchmark_are_also_taken_together_and_other_curves_change_no_interval():
    points = [point(n, 1 / (n + 2), 0.5 + 0.01 * n) for n in (0, 1, 2, 3)]
    other = [point(n, 0.1 * n, 0.2, benchmark="b") for n in (0, 1, 2, 3)]
    alone = error_correlations({"c": points}, 200, 0.9, 0)
    together = error_correlations({"c": points, "d": other}, 200, 0.9, 0)
    assert together[:2] == alone
    assert {row.over for row in together} == {"c", "d", "all of b"}


def test_errors_that_never_change_correlate_with_nothing():
    constant, _ = error_correlations({"c": [point(n, 0.1, 0.01 * n) for n in (0, 1, 2, 3)]}, 100, 0.9, 0)
    assert (constant.r, constant.r_squared, constant.low, constant.high) == (None, None, None, None)
