import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.errors import FathomError
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.joint_draws import FARTHEST, JointDraws, candidates, draw_jointly, next_n, noise_of_a_run
from src.scaling.pooled_forecast import DRAWS, draws

SIZES = (0, 10, 32, 100, 316, 1000)
DECADES = [100, 1000, 10_000, 100_000]
DECADE_LOGS = np.log10(DECADES)


def curve(name: str, slope: float, sizes: tuple[int, ...] = SIZES) -> Curve:
    points = [Measurement(n, seed, 0.2 + slope * np.log10(n + 1) + 0.004 * seed) for n in sizes for seed in (0, 1)]
    return Curve(name, "accuracy", "accuracy", tuple(points))


@pytest.fixture(scope="module")
def drawn() -> JointDraws:
    curves = [curve("fast", 0.15), curve("base", 0.1, (0,)), curve("slow", 0.03), curve("short", 0.15, (0, 10, 100))]
    return draw_jointly(curves, [2000, 8000])


def test_curves_without_a_trained_point_are_left_out(drawn: JointDraws) -> None:
    assert [of.name for of in drawn.curves] == ["fast", "slow", "short"]
    assert drawn.at(8000).shape == (DRAWS, 3) and np.isfinite(drawn.at(8000)).all()
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
    assert (draw_jointly([whole], [500], fit_up_to=100).drawn(0) == draw_jointly([cut], [500]).drawn(0)).all()
    with pytest.raises(FathomError, match="fast: nothing was measured at 1 ≤ n ≤ 5"):
        draw_jointly([whole], [500], fit_up_to=5)


def lines(levels: np.ndarray, slope: float = 0.1) -> np.ndarray:
    """Straight lines in ln n through levels at n = 100."""
    return np.asarray(levels)[:, None] + slope * (DECADE_LOGS - 2)


def alone(draws: np.ndarray, kind: Kind = "accuracy") -> JointDraws:
    """Draws of one curve, which was measured at the first of `DECADES`."""
    return JointDraws(
        [Curve("c", kind, kind, (Measurement(DECADES[0], 0, 0.5),))], [np.array(DECADES)], lambda _: draws
    )


def test_examples_needed_are_interpolated_in_ln_n_within_each_draw() -> None:
    answer = alone(lines(np.linspace(0.4, 0.5, 1001))).examples_needed(0, 0.6)
    assert answer.n == pytest.approx(10**3.5, rel=1e-3)
    assert answer.low == pytest.approx(10**3.05, rel=1e-2) and answer.high == pytest.approx(10**3.95, rel=1e-2)
    assert answer.reachable == 1 and str(answer) == "3,200 [1,100, 8,900]"


def test_a_loss_is_reached_from_above() -> None:
    falling = -lines(np.zeros(3), slope=1.0) + 5
    assert alone(falling, "loss").examples_needed(0, 3.5).n == pytest.approx(10**3.5)


def test_ends_that_are_never_reached_are_open() -> None:
    answer = alone(lines(np.linspace(0.0, 0.5, 1001))).examples_needed(0, 0.5)
    assert answer.reachable == pytest.approx(0.6, abs=0.01)
    assert answer.n is not None and answer.high is None and str(answer).endswith(", …]")


def test_less_than_half_is_not_reachable_and_no_number_is_shown() -> None:
    answer = alone(lines(np.linspace(0.0, 0.5, 1001))).examples_needed(0, 0.7)
    assert answer.n is None and answer.low is not None
    assert str(answer) == "not reachable under this law (20% by 100,000)"


def test_what_the_smallest_size_has_is_not_dated_before_it() -> None:
    answer = alone(lines(np.array([0.9, 0.95]))).examples_needed(0, 0.5)
    assert answer.n == answer.low == answer.high == 100 and str(answer) == "≤ 100"
    early = alone(lines(np.linspace(0.4, 0.6, 1001))).examples_needed(0, 0.55)
    assert str(early) == "320 [≤ 100, 2,500]"


@given(st.lists(st.floats(0, 1), min_size=8, max_size=40), st.floats(0.05, 0.5), st.floats(0.05, 0.5))
def test_a_higher_target_never_needs_fewer(levels: list[float], low: float, more: float) -> None:
    walks = lines(np.array(levels)) + 0.1 * np.sin(7 * np.add.outer(np.array(levels), DECADE_LOGS))
    easy, hard = (alone(walks).examples_needed(0, target) for target in (low, low + more))
    assert easy.reachable >= hard.reachable
    for ends in ((easy.n, hard.n), (easy.low, hard.low), (easy.high, hard.high)):
        near, far = (np.inf if end is None else end for end in ends)
        assert near <= far * (1 + 1e-9)


def test_the_gain_of_a_doubling_is_the_median_over_draws() -> None:
    levels = np.linspace(0.4, 0.5, 11)
    sizes = np.array([1000, 2000])
    points = (Measurement(1000, 0, 0.5),)
    drawn = np.stack([levels, levels + 0.1 * np.log10(2)], axis=1)
    gain = JointDraws([Curve("c", "accuracy", "accuracy", points)], [sizes], lambda _: drawn).next_gain(0)
    assert gain.n == 1000 and gain.value == pytest.approx(0.1 * np.log10(2))
    assert gain.low == pytest.approx(gain.value) == gain.high


def test_a_measurement_takes_from_the_variance_what_regression_says() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((2, 4000))
    made = np.stack([0.5 * shared + own, shared], axis=1)
    target = 2 * shared
    few, many = candidates(made, [100, 1000], target, noise=0.5)
    for of, column in ((few, made[:, 0]), (many, made[:, 1])):
        # The residual of the target regressed on noisy measurements of the candidate.
        seen = column + 0.5 * np.random.default_rng(1).standard_normal(4000)
        left = target - np.polyval(np.polyfit(seen, target, 1), seen)
        assert of.after == pytest.approx(left.std(), rel=0.03) and of.now == pytest.approx(2, rel=0.03)
    assert many.after < few.after and next_n([few, many]) == few  # a fifth of the variance at a tenth of the cost


def test_nothing_is_learnt_from_what_is_known() -> None:
    (known,) = candidates(np.ones((50, 1)), [10], np.linspace(0, 1, 50), noise=0.0)
    assert known.after == known.now


def test_a_forecast_narrows_about_as_promised_once_the_next_size_is_measured() -> None:
    rng, target, curves = np.random.default_rng(0), 51_200, 4
    sizes = [int(n) for n in 100 * 2 ** np.arange(7)]
    whole = []
    for slope in np.linspace(0.1, 0.4, curves):
        values = 1 - 0.9 * (1 + np.array(sizes) / 100) ** -slope + 0.01 * rng.standard_normal(len(sizes))
        points = [Measurement(n, 0, float(value), stderr=0.01) for n, value in zip(sizes, values, strict=True)]
        whole.append(Curve("c", "accuracy", "accuracy", tuple(points)))
    made = draws(whole, [*sizes, target], fit_up_to=sizes[-2])
    after = draws(whole, [target], fit_up_to=sizes[-1]).std(axis=0)[:, 0]
    ratios = []
    for index, curve in enumerate(whole):
        noise = noise_of_a_run(curve.between(1, sizes[-2]), made[:, index, 5])
        assert 0.01 <= noise < 0.03
        (promised,) = candidates(made[:, index, 6:7], sizes[6:], made[:, index, 7], noise)
        assert promised.after < promised.now
        ratios.append(after[index] / promised.after)
    # The other curves are measured as well, and the model's own parameters move: about is a factor of two.
    assert 0.5 < np.median(ratios) < 2


@pytest.mark.parametrize(("kind", "noise"), [("accuracy", 0.1 / 2**0.5), ("loss", 0.1 / 2**0.5 / 0.55)])
def test_noise_is_that_of_one_seed_however_many_there_were(kind: Kind, noise: float) -> None:
    seeds = tuple(Measurement(n, seed, 0.5 + 0.1 * seed) for n in DECADES for seed in (0, 1))
    assert noise_of_a_run(Curve("c", "m", kind, seeds), np.full(9, 0.5)) == pytest.approx(noise)


@pytest.mark.parametrize("stderr", [None, 0.001])
def test_another_run_tells_no_more_than_the_first_did(stderr: float | None) -> None:
    alone = Curve("c", "m", "accuracy", (Measurement(100, 0, 0.5, stderr=stderr),))
    doubt = np.array([0.4, 0.6])
    noise = noise_of_a_run(alone, doubt)
    assert noise == pytest.approx(0.1)
    (again,) = candidates(doubt[:, None], [100], doubt, noise)
    assert again.after == pytest.approx(0.1 / 2**0.5)
