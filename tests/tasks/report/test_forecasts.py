import numpy as np
import pytest

from src.scaling.analysis import analyse
from src.scaling.curve import Curve, Measurement
from src.tasks.report.forecasts import best, forecast_section, needed


def curve(value, name="c"):
    draw = np.random.default_rng(0)
    points = [
        Measurement(n, seed, value(n) * float(np.exp(0.005 * draw.standard_normal())))
        for n in (10, 32, 100, 316, 1000)
        for seed in (0, 1)
    ]
    return Curve(name, "eval/accuracy", "accuracy", tuple(points))


@pytest.fixture(scope="module")
def analysis():
    power = curve(lambda n: 0.02 * n**0.4)
    ceiling = curve(lambda n: 0.6 - 0.5 * (n / 10) ** -0.5, "ceiling")
    return analyse([power, ceiling], replicates=100, confidence=0.9, seed=0)


def test_the_law_that_was_closest_to_the_held_out_size_forecasts(analysis):
    assert [best(a).law.name for a in analysis.curves] == ["paper", "power_floor"]


def test_examples_needed_invert_the_law(analysis):
    result = best(analysis.curves[0])
    shown, _, interval = needed(result, 0.5, 0.9).partition(" ")
    low, high = (float(end.replace(",", "")) for end in interval.strip("[]").split(", "))
    n = float(shown.replace(",", ""))
    assert n == pytest.approx(25**2.5, rel=0.1)
    assert low <= n <= high


def test_a_target_above_the_ceiling_is_out_of_reach(analysis):
    assert needed(best(analysis.curves[1]), 0.8, 0.9) == "not reachable under this law [never, never]"


def test_the_section_holds_a_forecast_for_each_curve(analysis):
    _, forecasts, _, targets = forecast_section(analysis).parts
    assert [row[:4] for row in forecasts.rows] == [
        ["c", "eval/accuracy", "paper", 1000],
        ["ceiling", "eval/accuracy", "power_floor", 1000],
    ]
    assert float(forecasts.rows[0][4].split()[0]) == pytest.approx(0.02 * 2000**0.4, rel=0.05)
    assert len(targets.rows) == 2
