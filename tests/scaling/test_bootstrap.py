from dataclasses import replace

import numpy as np
import pytest

from src.scaling.bootstrap import bootstrap, no_interval, resampled_means
from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law
from src.scaling.laws.power_laws import PAPER, POWER_FLOOR

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


def test_coverage_on_simulated_losses() -> None:
    """Ninety per cent intervals cover the true law and a new measurement about as often as they say."""
    rng, law, forecast, trials = np.random.default_rng(0), 0, 0, 120
    at, truth = np.array([10_000.0]), 0.5 + 3 * 10_000**-0.3
    for trial in range(trials):
        curve = losses(rng)
        sample = bootstrap(curve, fit_law(curve, POWER_FLOOR), replicates=200, seed=trial)
        assert sample is not None
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
        assert sample is not None
        low, high = sample.parameter_intervals().T
        inside.append((low <= truth) & (truth <= high))
    assert (np.mean(inside, axis=0) >= 0.83).all() and (np.mean(inside, axis=0) <= 0.97).all()


def test_levels_and_what_they_lack_are_said() -> None:
    rng = np.random.default_rng(0)
    both, items_only, seeds_only = accuracies(rng, 2), accuracies(rng, 1), losses(rng, 2)
    told = with_stderr(losses(rng, 1), 0.05)
    drawn = "a single seed: the interval holds the noise of the standard errors given, drawn as normal"
    expected = [
        (both, PAPER, ("seeds", "items"), ""),
        (items_only, PAPER, ("items",), "a single seed: the interval leaves out the noise between seeds"),
        (seeds_only, POWER_FLOOR, ("seeds",), "no per-item scores"),
        (told, POWER_FLOOR, ("stderr",), drawn),
    ]
    for curve, law, levels, note in expected:
        sample = bootstrap(curve, fit_law(curve, law), replicates=50)
        assert sample is not None and (sample.levels, sample.note) == (levels, note)
        assert no_interval(curve) is None


def test_nothing_to_resample_gives_no_interval() -> None:
    curve = losses(np.random.default_rng(0), seeds=1)
    assert bootstrap(curve, fit_law(curve, POWER_FLOOR)) is None
    assert no_interval(curve) == "no interval: a single seed, no per-item scores and no standard errors"


def test_item_noise_is_binomial_and_shared_over_sizes() -> None:
    scores = np.repeat([0.0, 1.0], 200)
    curve = Curve("c", "m", "accuracy", tuple(Measurement(int(n), 0, 0.5, scores) for n in SIZES))
    means = resampled_means(curve, 2000, np.random.default_rng(0))
    assert means.std(axis=0) == pytest.approx(np.full(6, np.sqrt(0.25 / 400)), rel=0.1)
    assert (means == means[:, :1]).all()


def test_seed_noise_has_the_variance_of_the_seeds() -> None:
    """Relative to the mean, pooled over the sizes, halved by two seeds; Student's, so a little wider than normal."""
    points = [Measurement(10 * k, s, k * (1.0 + 0.1 * s)) for k in range(1, 21) for s in range(2)]
    curve = Curve("c", "m", "loss", (Measurement(0, 0, 50.0), *points))
    means = resampled_means(curve, 20_000, np.random.default_rng(0))
    expected = np.arange(1, 21) * np.std([1, 1.1], ddof=1) / np.sqrt(2) * np.sqrt(20 / 18)
    assert means[:, 1:].std(axis=0) == pytest.approx(expected, rel=0.05)
    assert (means[:, 0] == 50).all()  # the base model has no training noise


def test_seeds_of_the_base_alone_tell_nothing() -> None:
    curve = losses(np.random.default_rng(0), seeds=1)
    base = (Measurement(0, 0, 5.0), Measurement(0, 1, 5.0))
    assert no_interval(replace(curve, measurements=(*base, *curve.measurements))) is not None


def test_a_base_that_the_law_leaves_out_needs_no_standard_error() -> None:
    told = with_stderr(losses(np.random.default_rng(0), 1), 0.05)
    curve = replace(told, measurements=(Measurement(0, 0, 5.0), *told.measurements))
    sample = bootstrap(curve, fit_law(curve, POWER_FLOOR), 50)
    assert sample is not None and sample.levels == ("stderr",)


def test_given_standard_errors_are_the_noise_within_what_the_metric_can_be() -> None:
    curve = with_stderr(accuracies(np.random.default_rng(0), 1), 0.03)
    bare = replace(curve, measurements=tuple(replace(p, items=None) for p in curve.measurements))
    means = resampled_means(bare, 4000, np.random.default_rng(0))
    assert means[:, 2].std() == pytest.approx(0.03, rel=0.05)
    assert np.corrcoef(means[:, 2], means[:, 3])[0, 1] == pytest.approx(0, abs=0.05)
    vague = resampled_means(with_stderr(bare, 1.0), 400, np.random.default_rng(0))
    assert vague.min() == 0 and vague.max() == 1
    assert (
        resampled_means(with_stderr(losses(np.random.default_rng(0), 1), 9.0), 400, np.random.default_rng(0)).min() > 0
    )


def test_same_seed_same_interval_and_more_confidence_is_wider() -> None:
    curve = accuracies(np.random.default_rng(0), 3)
    fit = fit_law(curve, PAPER)
    narrow, again = bootstrap(curve, fit, 200, 0.5, seed=1), bootstrap(curve, fit, 200, 0.5, seed=1)
    wide = bootstrap(curve, fit, 200, 0.9, seed=1)
    assert narrow is not None and again is not None and wide is not None
    assert (narrow.parameter_intervals() == again.parameter_intervals()).all()
    assert (np.ptp(wide.parameter_intervals(), axis=1) > np.ptp(narrow.parameter_intervals(), axis=1)).all()
    at = np.array([100.0, 10_000.0])
    assert (np.ptp(wide.forecast(at), axis=0) > np.ptp(wide.band(at), axis=0)).all()
