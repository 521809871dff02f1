import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from src.modules.plan import StepPlan, pack, step_plan

sizes = st.integers(1, 300)
batches = st.integers(1, 40)


@given(n=sizes, batch=batches, epochs=st.integers(1, 4), min_steps=st.integers(1, 50), seed=st.integers(0, 9))
def test_epochs_use_every_example_equally_often(n, batch, epochs, min_steps, seed):
    plan = step_plan(n, batch, epochs=epochs, steps=None, min_steps=min_steps, seed=seed)
    seen = Counter(i for step in plan for i in step)
    assert set(seen) == set(range(n))
    assert len(set(seen.values())) == 1 and seen[0] >= epochs
    assert len(plan) >= min_steps
    assert len(plan) - math.ceil(n / batch) < max(min_steps, epochs * math.ceil(n / batch))
    assert all(0 < len(step) <= batch for step in plan)


@given(n=sizes, batch=batches, steps=st.integers(1, 80))
def test_steps_are_exact_and_repeat_no_example_before_all_were_seen(n, batch, steps):
    plan = step_plan(n, batch, epochs=None, steps=steps, min_steps=1, seed=0)
    assert len(plan) == steps
    seen = Counter(i for step in plan for i in step)
    assert max(seen.values()) - min(seen.get(i, 0) for i in range(n)) <= 1


def test_the_plan_depends_on_its_arguments_alone():
    one = [*step_plan(100, 16, epochs=3, steps=None, min_steps=1, seed=5)]
    backwards = step_plan(100, 16, epochs=3, steps=None, min_steps=1, seed=5)
    assert one == [backwards[step] for step in reversed(range(len(backwards)))][::-1]
    assert one != [*step_plan(100, 16, epochs=3, steps=None, min_steps=1, seed=6)]


def test_a_plan_of_millions_of_steps_costs_only_the_steps_that_are_taken():
    plan = StepPlan(10_000, 4, 10**9, seed=0)
    assert len(plan) == 10**9 and len(plan[10**8]) == 4
    assert plan[2:5] == [plan[2], plan[3], plan[4]]


def test_ten_examples_take_steps_even_with_a_large_batch():
    assert len(step_plan(10, 128, epochs=3, steps=None, min_steps=1, seed=0)) == 3


@given(lengths=st.lists(st.integers(1, 64), min_size=1, max_size=60), row=st.integers(64, 256))
def test_packing_places_every_example_once_and_fits(lengths, row):
    rows = pack(lengths, row)
    assert sorted(i for members in rows for i in members) == list(range(len(lengths)))
    assert all(members and sum(lengths[i] for i in members) <= row for members in rows)
    # Longest-first list scheduling needs at most 3/2 of the rows that any packing needs.
    assert len(rows) <= math.ceil(1.5 * math.ceil(sum(lengths) / row)) + 1
