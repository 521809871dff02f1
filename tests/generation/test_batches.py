from hypothesis import given
from hypothesis import strategies as st

from src.generation.batches import length_sorted_batches


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 1000))
def test_every_sequence_once_longest_first_within_the_budget(lengths: list[int], batch_tokens: int) -> None:
    batches = length_sorted_batches(lengths, batch_tokens)
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= batch_tokens


def test_batches_are_as_large_as_they_can_be() -> None:
    assert length_sorted_batches([10, 20, 30, 5], 40) == [[2], [1, 0], [3]]
    assert length_sorted_batches([10] * 7, 40) == [[0, 1, 2, 3], [4, 5, 6]]
