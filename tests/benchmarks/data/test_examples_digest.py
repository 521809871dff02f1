from dataclasses import astuple, replace

from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.benchmark import Example
from src.benchmarks.data.examples_digest import examples_digest

examples = st.builds(Example, prompt=st.text(), answer=st.text(), gold=st.text(), hidden=st.text())


@given(st.lists(examples, max_size=4), st.lists(examples, max_size=4))
def test_equal_digests_mean_equal_examples(a: list[Example], b: list[Example]) -> None:
    assert (examples_digest(a) == examples_digest(b)) == (list(map(astuple, a)) == list(map(astuple, b)))


def test_every_field_every_border_and_the_order_count() -> None:
    one, two = Example("ab", "c", "1"), Example("x", "y", "2")
    variants = [
        [one, two],
        [two, one],
        [one],
        [replace(one, prompt="a", answer="bc"), two],
        [replace(one, gold="3"), two],
        [replace(one, hidden="3"), two],
        [],
    ]
    assert len({examples_digest(variant) for variant in variants}) == len(variants)


def test_the_digest_is_the_same_on_every_platform() -> None:
    expected = "43caf7ddce7593072dc734858f0f84f2664fd4e7dd7d728fda5458610e041494"
    assert examples_digest([Example("What is 2 + 2 é?", "#### 4", "4")]) == expected
