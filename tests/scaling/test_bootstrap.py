from dataclasses import replace

import numpy as np
import pytest

from src.scaling.bootstrap import bootstrap, resampled_means
from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law
from src.scaling.laws.power_laws import PAPER, POWER, POWER_FLOOR

SIZES = np.array([10, 32, 100, 316, 1000, 3162])


def losses(rng: np.random.Generator, seeds: int = 4, noise: float = 0.02) -> Curve:
    points = [
        Measurement(int(n), s, float((0.5 + 3 * n**-0.3) * np.exp(rng.normal(0, noise))))
        for n in SIZES
        for s in range(seeds)
    ]
    return Curve("c", "eval/nll", "loss", tuple(points))


def accuracies(rng: np.random.Generator, seeds: int, items: int = 400) -> Curve:
    points = []
    for n in SIZES:
        for s in range(seeds):
            scores = (rng.random(items) < 0.05 * n**0.3).astype(float)
            points.append(Measurement(int(n), s, scores.mean(), scores))
    return Curve("c", "eval/accuracy", "accuracy", tuple(points))


def with_stderr(curve: Curve, stderr: float) -> Curve:
    return replace(curve, measurements=tuple(replace(p, stderr=stderr) for p in curve.measurements))


def without_items(curve: Curve) -> Curve:
    return replace(curve, measurements=tuple(replace(p, items=None) for p in curve.measurements))


def test_coverage_on_simulated_losses() -> None:
    """Ninety per cent intervals cover the true law and a new measurement about as often as they say."""
    rng, law, forecast, trials = np.random.default_rng(0), 0, 0, 120
    at, truth = np.array([10_000.0]), 0.5 + 3 * 10_000**-0.3
    for trial in range(trials):
        curve = losses(rng)
        sample = bootstrap(curve, fit_law(curve, POWER_FLOOR), replicates=200, seed=trial)
        low, high = sample.band(at)[:, 0]
        law += low <= truth <= high
        low, high = sample.forecast(at)[:, 0]
        measured = truth * np.exp(rng.normal(0, 0.02, size=4)).mean()
        forecast += low <= measured <= high
    assert 0.80 <= law / trials <= 0.97
    assert 0.80 <= forecast / trials <= 1.0


@pytest.mark.parametrize(("seeds", "stderr"), [(2, None), (1, 0.02)])
def test_parameter_intervals_cover_with_few_seeds_or_only_standard_errors(seeds: int, stderr: float | None) -> None:
    """Two seeds at five sizes leave five degrees of freedom: a bootstrap within each size covers 80 %."""
    rng, truth, inside, trials = np.random.default_rng(0), np.array([20.0, 6.0]), [], 200
    for trial in range(trials):
        exact = PAPER.predict(SIZES[1:], truth) / 100
        points = [
            Measurement(int(n), s, float(p + rng.normal(0, 0.02)), stderr=stderr)
            for n, p in zip(SIZES[1:], exact, strict=True)
            for s in range(seeds)
        ]
        curve = Curve("c", "eval/accuracy", "accuracy", tuple(points))
        sample = bootstrap(curve, fit_law(curve, PAPER), replicates=200, seed=trial)
        low, high = sample.parameter_intervals().T
        inside.append((low <= truth) & (truth <= high))
    assert (np.mean(inside, axis=0) >= 0.83).all() and (np.mean(inside, axis=0) <= 0.97).all()


def test_what_an_interval_leaves_out_is_said() -> None:
    rng = np.random.default_rng(0)
    expected = [
        (accuracies(rng, 2), PAPER, ""),
        (accuracies(rng, 1), PAPER, "a single seed: what other training examples would change is not in it"),
        (losses(rng, 2), POWER_FLOOR, "no per-item scores"),
        (losses(rng, 1), POWER_FLOOR, "a single seed, no per-item scores and no standard errors"),
    ]
    for curve, law, note in expected:
        assert bootstrap(curve, fit_law(curve, law), replicates=50).note == note


def test_where_nothing_tells_the_noise_the_scatter_about_the_law_does() -> None:
    """One seed without items: intervals cover as those of a regression do."""
    rng, truth, inside, trials = np.random.default_rng(0), np.array([0.5, 3.0, 0.3]), [], 150
    for trial in range(trials):
        curve = losses(rng, seeds=1)
        low, high = bootstrap(curve, fit_law(curve, POWER_FLOOR), 200, seed=trial).parameter_intervals().T
        inside.append((low <= truth) & (truth <= high))
    assert (np.mean(inside, axis=0) >= 0.80).all()


def test_resampled_accuracies_and_losses_stay_what_they_can_be() -> None:
    vague = resampled_means(with_stderr(without_items(accuracies(np.random.default_rng(0), 1)), 1.0), 400, 0)
    assert vague.min() == 0 and vague.max() == 1
    assert resampled_means(with_stderr(losses(np.random.default_rng(0), 1), 9.0), 400, 0).min() > 0


def test_same_seed_same_interval_and_more_confidence_is_wider() -> None:
    curve = accuracies(np.random.default_rng(0), 3)
    fit = fit_law(curve, PAPER)
    narrow, again = bootstrap(curve, fit, 200, 0.5, seed=1), bootstrap(curve, fit, 200, 0.5, seed=1)
    wide = bootstrap(curve, fit, 200, 0.9, seed=1)
    assert (narrow.parameter_intervals() == again.parameter_intervals()).all()
    assert (np.ptp(wide.parameter_intervals(), axis=1) > np.ptp(narrow.parameter_intervals(), axis=1)).all()
    at = np.array([100.0, 10_000.0])
    assert (np.ptp(wide.forecast(at), axis=0) > np.ptp(wide.band(at), axis=0)).all()


def test_intervals_of_a_law_that_does_not_fit_hold_what_it_misses() -> None:
    """A floor with hardly any noise: the power law misses its points, and no interval may pretend to know them."""
    curve = losses(np.random.default_rng(0), seeds=3, noise=0.002)
    wrong, right = fit_law(curve, POWER), fit_law(curve, POWER_FLOOR)
    band = bootstrap(curve, wrong, replicates=400).band(SIZES.astype(float))
    inside = (band[0] <= curve.means) & (curve.means <= band[1])
    assert inside.sum() >= 4
    assert any("misses its points by more than twice their noise" in note for note in wrong.notes)
    assert not any("misses its points" in note for note in right.notes)
    low, high = bootstrap(curve, right, replicates=400).band(np.array([1000.0]))[:, 0]
    assert high - low < 0.1 * (band[1] - band[0]).mean()
