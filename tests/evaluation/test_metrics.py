"""Ratios over items as values of the items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation.metrics import linearised


@given(st.lists(st.tuples(st.floats(0, 9), st.integers(0, 9)), min_size=2, max_size=9))
def test_the_mean_over_items_of_several_values_is_their_ratio_of_sums(items):
    sums, counts = np.array([v * c for v, c in items]), np.array([c for _, c in items], dtype=float)
    if counts.sum():
        assert linearised(sums, counts).mean() == pytest.approx(sums.sum() / counts.sum(), abs=1e-9)


def test_with_one_value_an_item_the_values_are_their_own():
    values = np.random.default_rng(0).normal(size=50)
    assert linearised(values, np.ones(50)) == pytest.approx(values)


def test_the_spread_is_that_of_the_ratio_when_items_are_drawn_again():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 20, 2000).astype(float)
    sums = counts * rng.gamma(2.0, 1.0, 2000)
    stderr = linearised(sums, counts).std(ddof=1) / np.sqrt(2000)
    drawn = rng.integers(0, 2000, (4000, 2000))
    assert stderr == pytest.approx((sums[drawn].sum(1) / counts[drawn].sum(1)).std(), rel=0.1)
