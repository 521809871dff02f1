"""What is added to a mixture's forecasts beyond the largest size, held to what it should be exactly."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from src.scaling.hedge import Hedge
from src.scaling.pooled import Observations
from src.scaling.pooled_forecast import forecast

ROOT = Path(__file__).parents[2]

X = np.log([[100.0, 200, 400, 800], [50, 100, 200, 400]])
SLOPES = np.array([-0.3, -0.1])


def measured(slopes=SLOPES, variance=0.0):
    return Observations(X, 1 + slopes[:, None] * X, np.full(X.shape, variance))


def beyond(hedge, at, mixture_slopes=SLOPES, variance=0.0, count=4000):
    """Hedged draws of a mixture that knows its straight lines exactly, and the draws themselves."""
    points = measured(variance=variance)
    fitted = 1 + mixture_slopes[:, None] * X
    x = np.log(at)
    drawn = np.broadcast_to(1 + mixture_slopes[:, None] * x, (count, 2, len(at)))
    return hedge.beyond(drawn, points, fitted, x, np.random.default_rng(0)), drawn


def test_up_to_the_last_size_nothing_is_added():
    made, drawn = beyond(Hedge(0.5, 0.3), [60, 100, 400], mixture_slopes=np.array([-0.5, 0.1]))
    np.testing.assert_array_equal(made, drawn)


def test_without_line_and_common_error_nothing_is_added_anywhere():
    made, drawn = beyond(Hedge(0, 0), [100, 1000, 100_000], mixture_slopes=np.array([-0.5, 0.1]))
    np.testing.assert_allclose(made, drawn)


def test_the_common_error_is_one_share_of_every_curves_change():
    at = np.array([1600, 800 * 512])
    made, drawn = beyond(Hedge(0.5, 0.25), at)
    change = SLOPES[:, None] * (np.log(at) - X[:, -1:])
    shares = (made - drawn) / change
    np.testing.assert_allclose(shares, np.broadcast_to(shares[:, :1, :1], shares.shape))
    assert shares[:, 0, 0].std() == pytest.approx(0.25, rel=0.05)
    assert shares[:, 0, 0].mean() == pytest.approx(0, abs=0.02)


def test_far_out_the_centre_lies_between_mixture_and_line_by_its_weight():
    far = np.array([1e12])
    made, drawn = beyond(Hedge(0.5, 0), far, mixture_slopes=np.array([-0.1, -0.1]))
    ahead = np.log(far) - X[0, -1]
    weight = 0.5 * ahead / (ahead + np.log(2))
    line = 1 - 0.1 * X[0, -1] - 0.3 * ahead
    np.testing.assert_allclose(made[:, 0], (1 - weight) * drawn[:, 0] + weight * line)
    np.testing.assert_allclose(made[:, 1], drawn[:, 1])  # the mixture's own slope is the line's


def test_there_is_no_kink_where_the_measurements_end():
    step = 1e-4
    at = 800 * np.exp([0, step, 2 * step])
    made, _ = beyond(Hedge(1.0, 0), at, mixture_slopes=np.array([-0.9, -0.1]))
    rise = np.diff(np.median(made, axis=0)[0]) / step
    assert rise == pytest.approx([-0.9, -0.9], abs=1e-3)


@pytest.mark.parametrize(("variance", "weight"), [(0.0, 1.0), (1e-9, 1.0), (1e3, 0.0)])
def test_a_line_whose_slope_is_noise_counts_for_nothing(variance, weight):
    far = np.array([1e30])
    made, drawn = beyond(Hedge(1.0, 0.2), far, np.array([-0.1, -0.1]), variance)
    ahead = np.log(far) - X[0, -1]
    moved = np.median(made - drawn, axis=0)[0] / (-0.2 * ahead)
    assert moved == pytest.approx(weight, abs=0.05)


def test_a_curve_of_one_size_has_no_line():
    points = Observations(X[:, :1], np.ones((2, 1)), np.zeros((2, 1)))
    x = np.log([3200.0])
    drawn = np.broadcast_to(np.array([[0.5], [0.7]]), (10, 2, 1))
    made = Hedge(1.0, 0).beyond(drawn, points, np.ones((2, 1)), x, np.random.default_rng(0))
    np.testing.assert_allclose(made, drawn)


@pytest.mark.parametrize(("study", "ratio"), [("Caltech", 8), ("NMT", 8)])
def test_intervals_hold_where_a_studys_curves_err_together(study, ratio):
    """These curves go on to fall by another share, the same for all, of what their past tells."""
    if not (ROOT / "../shared/data/revisiting_nsl").exists():
        pytest.skip("../shared/data/revisiting_nsl is not there")
    bench = runpy.run_path(str(ROOT / "bench/tournament.py"))
    pairs = [(curve, short) for curve in bench["read_nsl"]()[study] if (short := bench["cut"](curve, ratio))]
    answers = forecast([short for _, short in pairs], sorted({int(curve.sizes[-1]) for curve, _ in pairs}))
    held = []
    for (curve, _), answer in zip(pairs, answers, strict=True):
        (at,) = [made for made in answer.forecasts if made.n == int(curve.sizes[-1])]
        held.append(at.interval_90[0] <= curve.means[-1] <= at.interval_90[1])
    assert np.mean(held) >= 0.5  # without the hedge 2 of Caltech's 13
