from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.scoring.pass_at_k import pass_at_k


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_it_is_the_share_of_all_draws_of_k_that_hold_a_right_one(case: tuple[int, int, int]) -> None:
    samples, right, k = case
    draws = list(combinations([True] * right + [False] * (samples - right), k))
    assert pass_at_k(samples, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_more_than_were_sampled_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="pass@11"):
        pass_at_k(10, 3, 11)
