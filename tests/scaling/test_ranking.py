import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from src.scaling.ranking import pearson, rank, relative_accuracy


def test_the_best_expectation_comes_first_with_its_chances_and_regret() -> None:
    made = np.array([[0.5, 0.6, 0.1], [0.7, 0.6, 0.2], [0.8, 0.6, 0.3], [0.8, 0.6, 0.9]])
    first, second, third = rank(made, "accuracy")
    assert (first.index, first.expected, first.probability_best) == (0, pytest.approx(0.7), 0.5)
    assert first.regret == pytest.approx((0.1 + 0.1) / 4)
    assert [second.index, third.index] == [1, 2] and second.probability_best == third.probability_best == 0.25


def test_a_low_loss_is_best() -> None:
    made = np.array([[2.0, 1.0], [2.0, 0.25]])
    assert [(of.index, of.probability_best) for of in rank(made, "loss")] == [(1, 1.0), (0, 0.0)]
    best, other = rank(made, "loss")
    assert (best.expected, best.regret) == (pytest.approx(0.5), 0)
    assert other.regret == pytest.approx(1 - 0.5 / 2)


@given(arrays(float, (20, 4), elements=st.floats(0, 1)))
def test_chances_sum_to_one_and_regret_follows_the_expectation(made: np.ndarray) -> None:
    ranked = rank(made, "accuracy")
    assert sum(of.probability_best for of in ranked) == pytest.approx(1)
    assert all(of.regret >= 0 for of in ranked)
    gaps = [ranked[0].expected - of.expected for of in ranked]
    assert gaps == pytest.approx([of.regret - ranked[0].regret for of in ranked], abs=1e-9)


def test_how_good_a_selection_was() -> None:
    measured = [0.5, 0.8, 0.6]
    assert relative_accuracy([0.4, 0.6, 0.9], measured, "accuracy") == pytest.approx(0.75)
    assert relative_accuracy([0.4, 0.6, 0.9], measured, "loss") == 1.0
    assert relative_accuracy([0.9, 0.6, 0.4], measured, "loss") == pytest.approx(0.5 / 0.6)
    assert relative_accuracy([0.1, 0.2], [0.0, 0.0], "accuracy") == 1.0
    assert pearson([1, 2, 3], [2.0, 4.0, 6.0]) == pytest.approx(1)
    assert pearson([1, 2], [2, 1]) is None and pearson([1, 1, 1], [1, 2, 3]) is None
