import numpy as np
import pytest

from src.scaling.analysis import analyse
from src.scaling.curve import Curve, Measurement
from src.scaling.noise import difference
from src.study.comparison import CurvePair
from src.study.exponents import exponent_differences, exponents
from src.tracking.query import PointRecord

SIZES = (10, 32, 100, 316, 1000, 3162)


def point(model="m", **metrics):
    return PointRecord("r", "k", model, "b", "full", "tiny", 10, 0, 0, {}, metrics)


def curve(name, b, draw):
    measurements = [
        Measurement(n, seed, 0.05 * n ** (1 / b) * float(np.exp(0.02 * draw.standard_normal())))
        for n in SIZES
        for seed in range(3)
    ]
    return Curve(name, "eval/accuracy", "accuracy", tuple(measurements))


@pytest.fixture(scope="module")
def found():
    draw = np.random.default_rng(3)
    curves = [curve("a", 4, draw), curve("same", 4, draw), curve("steeper", 3, draw)]
    analysis = analyse(curves, replicates=200, confidence=0.9, seed=0)
    return exponents(analysis, {c.name: [point("llama2_7b")] for c in curves})


def of_paper(rows):
    return [row for row in rows if row.law == "paper"]


def test_exponents_with_their_intervals_and_the_model_they_belong_to(found):
    for row, truth in zip(of_paper(found), (1 / 4, 1 / 4, 1 / 3), strict=True):
        assert row.exponent == pytest.approx(truth, rel=0.1)
        assert row.low < row.exponent < row.high
        assert (row.model, row.size, row.called) == ("llama2_7b", 7e9, "1/b")


def test_an_exponent_that_moves_is_told_from_noise(found):
    pairs = [CurvePair("recipe", "x", "y", "a", "same"), CurvePair("recipe", "x", "y", "a", "steeper")]
    same, steeper = of_paper(exponent_differences(found, pairs, 0.9))
    assert same.low < 0 < same.high
    assert same.moved is False
    assert steeper.difference == pytest.approx(1 / 3 - 1 / 4, rel=0.3)
    assert steeper.moved is True


def test_a_difference_is_as_wide_as_two_independent_curves_make_it(found):
    (between,) = of_paper(exponent_differences(found, [CurvePair("recipe", "x", "x", "a", "same")], 0.9))
    alone = [row.high - row.low for row in of_paper(found) if row.curve in ("a", "same")]
    assert between.high - between.low == pytest.approx(np.hypot(*alone), rel=0.2)


def test_shared_test_items_take_nothing_from_a_difference():
    """The noise of items moves both curves alike: their difference is far better known than each."""
    draw = np.random.default_rng(0)
    item = draw.standard_normal(500)

    def answered(name, shift):
        points = []
        for n in SIZES:
            right = (item < np.log10(n) - 2.5 + shift).astype(float)
            points.append(Measurement(n, 0, right.mean(), right))
        return Curve(name, "eval/accuracy", "accuracy", tuple(points))

    analysis = analyse([answered("a", 0.0), answered("b", 0.01)], replicates=300, confidence=0.9, seed=0)
    rows = exponents(analysis, {name: [point("llama2_7b")] for name in ("a", "b")})
    (between,) = of_paper(exponent_differences(rows, [CurvePair("recipe", "x", "y", "a", "b")], 0.9))
    assert np.isfinite(between.difference)
    log = [curve.curve.noise for curve in analysis.curves]
    assert difference(log[0], 3, log[1], 3)[0] < 0.3 * log[0].at(3)[0]


def test_curves_without_a_fit_have_no_exponent_and_no_difference():
    assert exponent_differences([], [CurvePair("recipe", "x", "y", "a", "b")], 0.9) == []
