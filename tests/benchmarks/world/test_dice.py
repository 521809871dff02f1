from collections import Counter

from src.benchmarks.world.dice import Dice


def test_draws_are_the_same_everywhere() -> None:
    dice = Dice("fathom")
    # Written down once: any other Python or platform must draw the same.
    assert [dice.between(1, 6) for _ in range(10)] == [6, 4, 1, 6, 2, 4, 3, 4, 4, 3]


def test_zipf_prefers_low_ranks_and_exponent_zero_none() -> None:
    dice = Dice("zipf")
    steep = Counter(dice.zipf("abc", 2.0) for _ in range(3000))
    assert steep["a"] > 2 * steep["b"] > 2 * steep["c"] > 0
    flat = Counter(dice.zipf("abc", 0.0) for _ in range(3000))
    assert max(flat.values()) < 1.2 * min(flat.values())


def test_sample_takes_different_items_and_leaves_the_list_alone() -> None:
    items = list(range(10))
    assert sorted(Dice("sample").sample(items, 10)) == items == list(range(10))
