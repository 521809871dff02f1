import numpy as np
import pytest

from src.study.means import item_stderr, means
from src.tracking.query import PointRecord


def record(n, seed, **metrics):
    metrics = {name.replace("__", "/"): value for name, value in metrics.items()}
    return PointRecord(f"{n}-{seed}", f"{n}-{seed}", "m", "b", "full", "r", n, seed, 0, {}, metrics)


def test_variance_between_seeds_is_pooled_over_trained_sizes_and_items_add_to_it():
    points = [record(0, s, eval__accuracy=0.1, eval__accuracy_stderr=0.03) for s in (0, 1)]
    points += [record(10, s, eval__accuracy=v, eval__accuracy_stderr=0.04) for s, v in enumerate((0.3, 0.5))]
    points += [record(100, s, eval__accuracy=v, eval__accuracy_stderr=0.04) for s, v in enumerate((0.6, 0.6))]
    base, few, many = means(points, "eval/accuracy")
    assert (base.value, base.stderr) == pytest.approx((0.1, 0.03))
    pooled = (0.02 + 0.0) / 2
    assert few.stderr == many.stderr == pytest.approx(np.hypot(np.sqrt(pooled / 2), 0.04))
    low, high = few.interval(0.9)
    assert (low + high) / 2 == pytest.approx(0.4)
    assert high - low == pytest.approx(2 * 1.6449 * few.stderr, rel=1e-4)


def test_a_rate_without_a_logged_error_gets_the_binomial_one_and_a_missing_metric_no_mean():
    points = [record(10, 0, eval__format_error_rate=0.2, eval__n_items=400), record(100, 0)]
    (mean,) = means(points, "eval/format_error_rate")
    assert mean.stderr == pytest.approx(0.02)
    assert means(points, "eval/f1") == []


def test_a_loss_without_a_logged_error_has_none():
    assert item_stderr(record(10, 0, eval__nll=0.4, eval__n_items=400), "eval/nll") is None
    assert item_stderr(record(10, 0, eval__nll=0.4, eval__nll_stderr=0.1), "eval/nll") == 0.1


def test_the_standard_error_covers_what_new_seeds_and_new_items_give():
    draw, errors, given = np.random.default_rng(0), [], []
    for _ in range(400):
        items = draw.normal(0, 0.5, size=100)  # how hard the items are, the same for all seeds
        values = [draw.random(100) < 1 / (1 + np.exp(-(items + draw.normal(0, 0.2)))) for _ in range(3)]
        points = [
            record(n, s, eval__accuracy=float(v.mean()), eval__n_items=100)
            for s, v in enumerate(values)
            for n in (10, 32)
        ]
        mean = means(points, "eval/accuracy")[0]
        errors.append(mean.value - 0.5)
        given.append(mean.stderr)
    assert np.sqrt(np.mean(np.square(given))) >= 0.95 * np.std(errors)
