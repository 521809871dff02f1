import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement
from src.scaling.joint_draws import FARTHEST, JointDraws, draw_jointly

SIZES = (0, 10, 32, 100, 316, 1000)


def curve(name: str, slope: float, sizes: tuple[int, ...] = SIZES) -> Curve:
    points = [Measurement(n, seed, 0.2 + slope * np.log10(n + 1) + 0.004 * seed) for n in sizes for seed in (0, 1)]
    return Curve(name, "accuracy", "accuracy", tuple(points))


@pytest.fixture(scope="module")
def drawn() -> JointDraws:
    curves = [curve("fast", 0.15), curve("base", 0.1, (0,)), curve("slow", 0.03), curve("short", 0.15, (0, 10, 100))]
    return draw_jointly(curves, [2000, 8000])


def test_curves_without_a_trained_point_are_left_out(drawn: JointDraws) -> None:
    assert [of.name for of in drawn.curves] == ["fast", "slow", "short"]
    assert drawn.at(8000).shape == (len(drawn.draws), 3) and np.isfinite(drawn.draws).all()
    assert not any((of.sizes == 0).any() for of in drawn.curves)


def test_a_target_is_looked_for_from_the_smallest_n_of_the_curve_to_far_beyond_its_largest(drawn: JointDraws) -> None:
    inside = drawn.examples_needed(0, 0.5)
    assert inside.n == pytest.approx(100, rel=0.4) and inside.nearest == 10  # 0.2 + 0.15 · 2
    assert drawn.examples_needed(2, 0.5).farthest == FARTHEST * 100
    assert drawn.examples_needed(1, 0.99).n is None


def test_the_next_doubling_brings_what_the_slope_says(drawn: JointDraws) -> None:
    gain = drawn.next_gain(0)
    assert gain.n == 1000 and gain.low < 0.15 * np.log10(2) < gain.high
    assert gain.value > drawn.next_gain(1).value


def test_candidates_are_doublings_from_the_largest_n_to_short_of_the_target(drawn: JointDraws) -> None:
    assert [of.n for of in drawn.candidates(0, 8000)] == [1000, 2000, 4000]
    assert [of.n for of in drawn.candidates(2, 2000)] == [100, 200, 400, 800, 1600]
    after = [of.after for of in drawn.candidates(0, 8000)]
    assert after == sorted(after, reverse=True) and after[0] <= drawn.candidates(0, 8000)[0].now
    behind = draw_jointly([curve("fast", 0.15)], [100])
    assert behind.candidates(0, 100) == []


def test_nothing_beyond_the_budget_is_looked_at_and_nothing_within_it_gets_a_sentence() -> None:
    whole, cut = curve("fast", 0.15), curve("fast", 0.15, SIZES[:4])
    assert (draw_jointly([whole], [500], fit_up_to=100).draws == draw_jointly([cut], [500]).draws).all()
    with pytest.raises(FathomError, match="fast: nothing was measured at 1 ≤ n ≤ 5"):
        draw_jointly([whole], [500], fit_up_to=5)
