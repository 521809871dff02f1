from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from src.sweeps.costs import expected_seconds, seconds_left

PLACE, OTHER = ("m", "b", "full", "r"), ("m", "c", "full", "r")
MEASURED = st.dictionaries(st.integers(0, 10_000), st.floats(0.1, 1e4), min_size=1)


@given(MEASURED, st.integers(0, 20_000))
def test_a_point_takes_what_those_around_it_took(seconds, n):
    expected = expected_seconds(PLACE, n, [(PLACE, size, took) for size, took in seconds.items()])
    if n in seconds:
        assert expected == approx(seconds[n])
    below, above = ([size for size in seconds if size <= n], [size for size in seconds if size >= n])
    if below and above:
        ends = seconds[max(below)], seconds[min(above)]
        assert min(ends) * (1 - 1e-9) <= expected <= max(ends) * (1 + 1e-9)
    if not above:
        assert expected >= seconds[max(below)] * (1 - 1e-9)


def test_like_points_count_before_others():
    measured = [(PLACE, 10, 1.0), (PLACE, 10, 3.0), (OTHER, 10, 100.0)]
    assert expected_seconds(PLACE, 10, measured) == 2.0
    assert expected_seconds(("else",), 10, measured) == approx(104 / 3)
    assert expected_seconds(PLACE, 10, []) is None


def test_what_is_left_is_shared_by_those_at_work():
    measured = [(PLACE, 10, 60.0), (PLACE, 20, 120.0)]
    assert seconds_left([], [(PLACE, 10)] * 4, measured, at_once=2) == 120.0
    assert seconds_left([(PLACE, 20, 30.0)], [(PLACE, 10)], measured, at_once=1) == 150.0
    assert seconds_left([(PLACE, 20, 500.0)], [], measured, at_once=1) == 0.0
    assert seconds_left([(PLACE, 20, 0.0), (PLACE, 10, 59.0)], [], measured, at_once=2) == 120.0  # the longest
    assert seconds_left([], [(PLACE, 10)], [], at_once=1) is None
