import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.scaling.curve import Curve, Measurement
from src.scaling.noise import difference, interval, item_variance, items_for

SIZES = (10, 100, 1000)


def bernoulli(
    rng: np.random.Generator, seeds: int = 3, items: int = 400, name: str = "c", of_seed: float = 0.3
) -> Curve:
    """Items of very different difficulty, the same for all seeds and sizes, and noise between training sets."""
    easy = 2 * rng.standard_normal(items)
    points = []
    for n in SIZES:
        for seed in range(seeds):
            logit = easy + math.log10(n) - 2 + of_seed * rng.standard_normal()
            right = (rng.random(items) < 1 / (1 + np.exp(-logit))).astype(np.uint8)
            points.append(Measurement(n, seed, float(right.mean()), right))
    return Curve(name, "m", "accuracy", tuple(points))


def test_the_components_are_those_that_made_the_scores() -> None:
    rng = np.random.default_rng(0)
    of_seed, of_item, of_rest, items = 0.05, 0.4, 0.3, 500
    found = []
    for _ in range(200):
        item = of_item * rng.standard_normal(items)
        points = []
        for n in SIZES:
            for seed in range(4):
                scores = 3 + of_seed * 3 * rng.standard_normal() + item + of_rest * rng.standard_normal(items)
                points.append(Measurement(n, seed, float(scores.mean()), scores))
        noise = Curve("c", "m", "loss", tuple(points)).noise
        found.append([*noise.between, *(noise.rest * items), noise.over_items[0, 1] * items])
    between, rest, shared = np.split(np.mean(found, axis=0), [3, 6])
    assert between == pytest.approx(np.full(3, (3 * of_seed) ** 2), rel=0.15)
    assert rest == pytest.approx(np.full(3, of_rest**2), rel=0.02)
    assert shared == pytest.approx([of_item**2], rel=0.02)


def test_no_seed_moves_the_base() -> None:
    points = [Measurement(0, s, 5.0) for s in (0, 1)] + [Measurement(10, s, 4.0 + s / 10) for s in (0, 1)]
    noise = Curve("c", "m", "loss", tuple(points)).noise
    assert noise.at(0)[0] == 0 and noise.at(1)[0] > 0
    only_base = Curve("c", "m", "loss", (*points[:2], Measurement(10, 0, 4.0))).noise
    assert not only_base.known and only_base.standard_errors is None


def test_a_size_with_seeds_of_its_own_is_held_by_the_whole_curve() -> None:
    """Two seeds that happen to agree do not make a size exact, nor two that disagree a wild one."""
    values = {10: (1.0, 1.0), 100: (0.9, 1.1), 1000: (0.5, 1.5)}
    points = [Measurement(n, s, v) for n, of in values.items() for s, v in enumerate(of)]
    errors = Curve("c", "m", "loss", tuple(points)).noise.standard_errors
    alone = [np.std(of, ddof=1) / np.sqrt(2) for of in values.values()]
    assert errors[0] > alone[0] and errors[2] < alone[2] and list(errors) == sorted(errors)


def test_what_is_not_known_is_said() -> None:
    rng = np.random.default_rng(0)
    assert bernoulli(rng).noise.note == ""
    assert bernoulli(rng, seeds=1).noise.note == "a single seed: what other training examples would change is not in it"
    bare = Curve("c", "m", "loss", tuple(Measurement(n, 0, 1.0) for n in SIZES)).noise
    assert bare.note == "a single seed, no per-item scores and no standard errors" and bare.standard_errors is None


def test_without_per_item_scores_the_stated_errors_stand_for_the_items() -> None:
    points = [Measurement(n, s, 0.5, stderr=0.03) for n in SIZES for s in (0, 1)]
    noise = Curve("c", "m", "accuracy", tuple(points)).noise
    assert noise.standard_errors == pytest.approx([0.03] * 3)  # all seeds were tested on the same items
    assert noise.contrast(np.array([-1.0, 0, 1]))[0] == pytest.approx(0.03 * math.sqrt(2))


def test_differences_are_better_known_than_levels() -> None:
    curve = bernoulli(np.random.default_rng(0), seeds=1)
    (first, _), (last, _) = curve.noise.at(0), curve.noise.at(2)
    rise, _ = curve.noise.contrast(np.array([-1.0, 0, 1]))
    assert rise < 0.9 * math.hypot(first, last)
    assert difference(curve.noise, 0, curve.noise, 2)[0] == pytest.approx(rise, rel=1e-9)


def test_curves_on_the_same_items_are_paired_and_on_others_not() -> None:
    rng = np.random.default_rng(0)
    curve, fewer = bernoulli(rng, seeds=1), bernoulli(rng, seeds=1, items=300)
    at, other = curve.noise, fewer.noise
    assert difference(at, 1, at, 1)[0] < 0.1 * at.at(1)[0]
    assert difference(at, 1, other, 1)[0] == pytest.approx(math.hypot(at.at(1)[0], other.at(1)[0]))


def test_draws_have_the_covariance_and_share_their_items() -> None:
    rng = np.random.default_rng(0)
    a, b = bernoulli(rng, seeds=1, name="a"), bernoulli(rng, seeds=1, name="b")
    drawn = a.noise.draws(20_000, seed=1, name="a")
    assert np.cov(drawn.T) == pytest.approx(a.noise.covariance, rel=0.05)
    assert (drawn == a.noise.draws(20_000, seed=1, name="a")).all()
    same = a.noise.draws(20_000, seed=1, name="another curve, on the same items")
    assert np.corrcoef(drawn[:, 0], same[:, 0])[0, 1] > 0.99
    apart = drawn[:, 0] - b.noise.draws(20_000, seed=1, name="b")[:, 0]
    assert apart.std() == pytest.approx(difference(a.noise, 0, b.noise, 0)[0], rel=0.05)


def test_few_seeds_make_wider_draws_than_their_variance() -> None:
    two = bernoulli(np.random.default_rng(2), seeds=2, of_seed=1.0)
    assert two.noise.between[1] > two.noise.over_items[1, 1]
    spread = two.noise.draws(40_000, seed=0, name="c")
    seeds_alone = math.sqrt(two.noise.between[1] / 2)
    items_alone = math.sqrt(two.noise.over_items[1, 1])
    assert spread[:, 1].std() > 1.05 * math.hypot(seeds_alone, items_alone)


def test_more_seeds_more_degrees_of_freedom() -> None:
    def freedom(seeds: int) -> float:
        return float(
            np.median([bernoulli(np.random.default_rng(k), seeds, of_seed=1.0).noise.at(1)[1] for k in range(9)])
        )

    assert freedom(2) < freedom(5) < freedom(20)
    assert freedom(1) == 399  # of the items


@given(st.floats(0, 1), st.floats(1e-4, 0.2), st.floats(2, 1000))
def test_intervals_of_shares_stay_shares_and_hold_their_value(share: float, stderr: float, freedom: float) -> None:
    low, high = interval(share, stderr, freedom, 0.9, "accuracy")
    assert 0 <= low <= share + 1e-9 and share - 1e-9 <= high <= 1 and low < high


def test_an_interval_of_a_loss_is_above_0_and_one_of_all_or_none_has_a_width() -> None:
    low, high = interval(0.013, 0.02, 3, 0.9, "loss")
    assert 0 < low < 0.013 < high and low * high == pytest.approx(0.013**2)
    low, high = interval(0.0, math.sqrt(float(item_variance(np.array(0.0), 1000))), math.inf, 0.9, "accuracy")
    assert low == 0 and 0.001 < high < 0.004  # the rule of three says 0.003 at 95 %


@given(st.floats(0, 1), st.floats(5, 1e5))
def test_items_for_undoes_item_variance(share: float, items: float) -> None:
    variance = item_variance(np.array(share), items)
    assert items_for(np.array(share), variance) == pytest.approx(items, rel=1e-6)
