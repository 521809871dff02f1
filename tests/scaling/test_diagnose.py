import numpy as np
import pytest

from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.diagnose import refusal

SIZES = (10, 32, 100, 316, 1000)


def curve(means: list[float], kind: Kind = "accuracy", chance: float = 0.0, spread: float = 0.01) -> Curve:
    points = [
        Measurement(n, seed, mean + (spread if seed else -spread))
        for n, mean in zip(SIZES, means, strict=False)
        for seed in (0, 1)
    ]
    return Curve("c", "m", kind, tuple(points), chance)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (curve([0.1, 0.2]), "too few points: 2 sizes of n ≥ 1, a law needs at least 3"),
        (curve([2.0, 1.5, 1.2], "loss"), "too few points: 3 sizes of n ≥ 1, a law needs at least 4"),
        (curve([0.26, 0.25, 0.24, 0.25, 0.26], chance=0.25), "on the floor: no accuracy is above chance (0.25)"),
        (Curve("c", "m", "accuracy", tuple(Measurement(n, 0, 0.0) for n in SIZES)), "on the floor"),
        (curve([0.40, 0.41, 0.40, 0.41, 0.40]), "flat within noise: from n=10 to 1000"),
        (curve([2.0, 2.0, 2.0, 2.0, 2.0], "loss"), "flat within noise"),
        (curve([0.6, 0.5, 0.4, 0.3, 0.2]), "decreasing: accuracy falls as n grows"),
        (curve([1.0, 1.1, 1.2, 1.3, 1.4], "loss"), "decreasing: loss rises as n grows"),
    ],
)
def test_refusals(given: Curve, sentence: str) -> None:
    assert (refusal(given) or "").startswith(sentence)


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_a_rising_curve_is_not_refused(spread: float) -> None:
    assert refusal(curve([0.1, 0.2, 0.3, 0.4, 0.5], spread=spread)) is None
    assert refusal(curve([3.0, 2.5, 2.1, 1.8, 1.6], "loss", spread=spread)) is None


def test_the_jump_from_the_base_model_is_no_trend() -> None:
    points = (Measurement(0, 0, 0.01), *curve([0.40, 0.41, 0.40, 0.41, 0.40]).measurements)
    assert (refusal(Curve("c", "m", "accuracy", points)) or "").startswith("flat within noise")


def test_few_items_hide_a_trend_that_many_show() -> None:
    def measured(items: int) -> Curve:
        rng = np.random.default_rng(0)
        rates = zip(SIZES, (0.40, 0.42, 0.44, 0.46, 0.48), strict=True)
        scores = [(n, rng.permutation(np.arange(items) < rate * items).astype(float)) for n, rate in rates]
        return Curve("c", "m", "accuracy", tuple(Measurement(n, 0, s.mean(), s) for n, s in scores))

    assert refusal(measured(5000)) is None
    assert (refusal(measured(50)) or "").startswith("flat within noise")


def test_items_that_are_hard_at_every_size_hide_no_trend() -> None:
    """The same 50 items answer as before, and one more each time: the level is unsure, the rise is not."""
    points = [Measurement(n, 0, right / 50, (np.arange(50) < right).astype(float)) for right, n in enumerate(SIZES, 20)]
    assert refusal(Curve("c", "m", "accuracy", tuple(points))) is None
