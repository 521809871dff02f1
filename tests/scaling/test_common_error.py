"""What is added to a mixture's forecasts beyond the largest size, held to what it should be exactly."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from src.scaling.common_error import TOP, CommonError
from src.scaling.pooled import Observations
from src.scaling.pooled_forecast import forecast

ROOT = Path(__file__).parents[2]

X = np.log([[100.0, 200, 400, 800], [50, 100, 200, 400]])
SLOPES = np.array([-0.3, -0.1])
BENT = 0.5  # of what the line would bring is what the mixture forecasts


def drawn(at, common):
    """Draws of a mixture that knows its curves exactly, lines that bend at the last size; with the errors, without."""
    lines = 1 + SLOPES[:, None] * X
    points = Observations(X, lines, np.zeros(X.shape))
    x = np.log(at)
    beyond = np.maximum(x - X[:, -1:], 0)
    alone = np.broadcast_to(1 + SLOPES[:, None] * (x - (1 - BENT) * beyond), (4000, 2, len(x)))
    return common.added(alone, points, lines, x, np.random.default_rng(0)), alone


def changes(at):
    """What is forecast beyond the last size, shape (curves, sizes)."""
    return BENT * SLOPES[:, None] * (np.log(at) - X[:, -1:])


def test_up_to_the_last_size_nothing_is_added():
    made, alone = drawn([60, 100, 400], CommonError(0.3, 0.1))
    np.testing.assert_array_equal(made, alone)


def test_every_curves_slope_goes_astray_alike_the_more_the_farther_out():
    """By the slope's own definition, summed over the way: 1 + u' below 0 and never turning, e^u' above."""
    out = np.linspace(0, 3, 3001)[1:]
    at = np.exp(out[[999, 2999]]) * np.array([[800], [400]])  # as far from the last size of the one and of the other
    made, alone = drawn(at.ravel(), CommonError(0.25, 0))
    came = 1 + (made - alone) / changes(at.ravel())
    np.testing.assert_allclose(came[:, 0, :2], came[:, 1, 2:])
    off = 0.25 * np.random.default_rng(0).standard_cauchy(4000)[:, None] * out
    slopes = np.where(off < 0, np.maximum(1 + off, 0), np.exp(np.minimum(off, 50)))
    mean = np.cumsum(slopes, axis=1)[:, [999, 2999]] / [1000, 3000]
    within = mean[:, 1] < TOP / 2
    np.testing.assert_allclose(came[within, 0, :2], mean[within], atol=0.02)
    assert came.min() > 0 and came.max() == pytest.approx(TOP)


def test_the_farther_the_more_of_the_way_to_the_line_is_gone_and_never_beyond_it():
    at = np.array([1600, 800 * 512])
    made, alone = drawn(at, CommonError(0, 0.05))
    far = np.log(at) - X[:, -1:]
    gone = (made - alone) / (changes(at) * (1 / BENT - 1))  # a share of the way
    assert gone.min() >= 0
    assert gone.max() <= 1 + 1e-9
    np.testing.assert_allclose(np.median(gone, axis=0), 0.05 * 0.6745 * far, rtol=0.06)
    nowhere_at_its_end = gone[(gone < 0.99).all(axis=(1, 2))] / far  # one value for all curves and sizes of a draw
    np.testing.assert_allclose(
        nowhere_at_its_end, np.broadcast_to(nowhere_at_its_end[:, :1, :1], nowhere_at_its_end.shape)
    )


def test_a_line_that_leads_away_from_the_forecast_is_taken_level():
    points = Observations(X, 1 - 0.1 * SLOPES[:, None] * X, np.zeros(X.shape))
    ends = points.y[:, -1:]
    alone = np.broadcast_to((ends + changes([800 * 512]))[None], (1000, 2, 1))
    made = CommonError(0, 1e9).added(alone, points, points.y, np.log([800 * 512]), np.random.default_rng(0))
    np.testing.assert_allclose(made, np.broadcast_to(ends, made.shape), rtol=1e-6)


def test_a_curve_of_one_size_has_no_line():
    points = Observations(X[:, :1], 1 + 0 * X[:, :1], np.zeros((2, 1)))
    alone = np.full((100, 2, 1), 0.5)
    made = CommonError(0, 0.1).added(alone, points, points.y, np.log([1000]), np.random.default_rng(0))
    np.testing.assert_array_equal(made, alone)


def test_it_starts_at_nothing_where_the_measurements_end():
    made, alone = drawn(800 * np.exp([0, 1e-6]), CommonError(0.3, 0.1))
    np.testing.assert_allclose(made[:, 0], alone[:, 0], atol=1e-5)


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
    assert np.mean(held) >= 0.75  # without the common errors 2 of Caltech's 13
