"""What is added to a mixture's forecasts beyond the largest size, held to what it should be exactly."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from src.scaling.common_error import with_common_error
from src.scaling.pooled import Observations
from src.scaling.pooled_forecast import forecast

ROOT = Path(__file__).parents[2]

X = np.log([[100.0, 200, 400, 800], [50, 100, 200, 400]])
SLOPES = np.array([-0.3, -0.1])


def drawn(at, common):
    """Draws of a mixture that knows its straight lines exactly, with the common error and without."""
    lines = 1 + SLOPES[:, None] * X
    points = Observations(X, lines, np.zeros(X.shape))
    alone = np.broadcast_to(1 + SLOPES[:, None] * np.log(at), (4000, 2, len(at)))
    return with_common_error(alone, points, lines, np.log(at), common, np.random.default_rng(0)), alone


def test_up_to_the_last_size_nothing_is_added():
    made, alone = drawn([60, 100, 400], 0.3)
    np.testing.assert_array_equal(made, alone)


def test_it_is_one_share_of_every_curves_change():
    at = np.array([1600, 800 * 512])
    made, alone = drawn(at, 0.25)
    shares = (made - alone) / (SLOPES[:, None] * (np.log(at) - X[:, -1:]))
    np.testing.assert_allclose(shares, np.broadcast_to(shares[:, :1, :1], shares.shape))
    assert shares[:, 0, 0].std() == pytest.approx(0.25, rel=0.05)
    assert shares[:, 0, 0].mean() == pytest.approx(0, abs=0.02)


def test_it_starts_at_nothing_where_the_measurements_end():
    made, alone = drawn(800 * np.exp([0, 1e-6]), 0.3)
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
    assert np.mean(held) >= 0.75  # without the common error 2 of Caltech's 13
