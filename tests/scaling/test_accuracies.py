import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.scaling.accuracies import accuracy_points
from src.scaling.curve import Curve, Measurement
from src.scaling.pooled_forecast import draws, forecast

SIZES = 10 * 2 ** np.arange(11)
BUDGET, TARGET = int(SIZES[-4]), int(SIZES[-1])


def curve(name: str, values: list[float], items: int | None = None, chance: float = 0.0) -> Curve:
    errors = [None if items is None else float(np.sqrt((v * (1 - v) + 0.5 / items) / items)) for v in values]
    points = zip(SIZES, values, errors, strict=False)
    return Curve(name, "accuracy", "accuracy", tuple(Measurement(int(n), 0, v, stderr=e) for n, v, e in points), chance)


def study(items: int = 1000, curves: int = 12, chance: float = 0.0) -> list[Curve]:
    """Accuracies that rise from chance to a ceiling, measured on so many items."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(curves):
        ceiling, half, k = rng.uniform(0.7, 1.0), rng.normal(6, 1), 0.6
        law = chance + (1 - chance) * ceiling / (1 + np.exp(-k * (np.log(SIZES) - half)))
        made.append(curve(str(index), (rng.binomial(items, law) / items).tolist(), items, chance))
    return made


def test_forecasts_are_right_and_their_intervals_honest() -> None:
    curves = study()
    answers = forecast(curves, [TARGET], BUDGET)
    measured = np.array([c.means[-1] for c in curves])
    values = np.array([a.forecasts[0].value for a in answers])
    assert np.abs(values - measured).mean() < 0.06  # 8 times the largest size seen; it rises by 0.22
    low, high = np.array([a.forecasts[0].interval_90 for a in answers]).T
    assert ((low <= measured) & (measured <= high)).sum() >= 9


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    chance=st.sampled_from([0.0, 0.25, 0.5]),
    items=st.sampled_from([None, 20, 10_000]),
)
def test_points_have_finite_responses_whatever_was_measured(
    values: list[float], chance: float, items: int | None
) -> None:
    points = accuracy_points([curve("any", values, items, chance)])
    for _ in range(30):
        points = points.about(points.y)
    assert np.isfinite(points.y).all() and np.isfinite(points.variance).all() and (points.variance >= 0).all()
    assert ((points.metric(points.y) >= chance) & (points.metric(points.y) <= 1)).all()


@pytest.mark.parametrize("values", [[0.0] * 6, [1.0] * 6, [0.0, 1.0, 0.0, 1.0], [0.3], [0.2, 0.2], [0.9, 0.5, 0.1]])
def test_no_measurement_makes_a_forecast_leave_chance_to_1(values: list[float]) -> None:
    made = draws([curve("odd", values, chance=0.25)], [TARGET, 10**9])
    assert (made >= 0.25).all() and (made <= 1).all()
    for at in forecast([curve("odd", values, chance=0.25)], [TARGET, 10**9])[0].forecasts:
        assert 0 <= at.interval_90[0] <= at.interval_50[0] <= at.value <= at.interval_50[1] <= at.interval_90[1] <= 1


def test_a_larger_test_narrows_the_intervals() -> None:
    small, large = (forecast(study(items, curves=6), [2 * BUDGET], BUDGET) for items in (100, 10_000))
    for wide, narrow in zip(small, large, strict=True):
        widths = [np.subtract(*reversed(of.forecasts[0].interval_90)) for of in (wide, narrow)]
        assert widths[1] < widths[0]


def test_what_is_right_by_guessing_is_not_taken_for_learning() -> None:
    guessing = curve("guesses", [0.26, 0.25, 0.24, 0.26, 0.25], 1000, chance=0.25)
    at = forecast([guessing], [640])[0].forecasts[0]
    assert at.value < 0.31 and at.interval_90[0] < 0.26


def test_replicates_tell_the_noise_between_seeds() -> None:
    def replicated(spread: float) -> Curve:
        points = [
            Measurement(int(n), seed, 0.3 + 0.05 * step + off)
            for step, n in enumerate(SIZES[:6])
            for seed, off in enumerate((-spread, 0.0, spread))
        ]
        return Curve("replicated", "accuracy", "accuracy", tuple(points))

    calm, wild = (forecast([replicated(spread)], [640])[0].forecasts[0].interval_90 for spread in (0.001, 0.1))
    assert calm[1] - calm[0] < wild[1] - wild[0]


def test_a_fall_within_the_noise_does_not_part_a_curve_from_the_others() -> None:
    rising = study(curves=3)
    flat = curve("flat", [0.02, 0.019, 0.021, 0.018, 0.0195], 1000)
    assert not any("gets worse" in note for note in forecast([*rising, flat], [TARGET])[-1].notes)


def test_what_is_measured_near_1_bounds_what_comes_next() -> None:
    """A steep rise to 99.7 %, on a thousand items, that no law follows exactly."""
    sizes = [10, 32, 100, 316, 1000, 3162, 10_000]
    values = [0.014, 0.057, 0.134, 0.334, 0.903, 0.994, 0.997]
    points = tuple(Measurement(n, 0, v, stderr=(v * (1 - v) / 1000) ** 0.5) for n, v in zip(sizes, values, strict=True))
    (answer,) = forecast([Curve("steep", "accuracy", "accuracy", points)], [20_000, 80_000])
    assert answer.forecasts[0].interval_90[0] > 0.95
    assert answer.forecasts[1].interval_90[0] > 0.9


def test_laws_are_weighed_by_the_values_measured_whatever_the_responses() -> None:
    """A plateau at 66 %: a law without a ceiling takes its responses elsewhere, and must not win by that."""
    sizes, values = [10, 32, 100, 316, 1000, 3162, 10_000], [0.002, 0.01, 0.08, 0.35, 0.58, 0.65, 0.66]
    points = tuple(Measurement(n, 0, v, stderr=(v * (1 - v) / 2000) ** 0.5) for n, v in zip(sizes, values, strict=True))
    (answer,) = forecast([Curve("plateau", "accuracy", "accuracy", points)], [80_000])
    assert "C" in answer.parameters  # a law with a ceiling has most weight
    assert answer.forecasts[0].interval_50[1] < 0.75
