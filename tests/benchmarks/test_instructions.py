from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from src.benchmarks.data.examples_digest import examples_digest
from src.benchmarks.instructions import Instructions
from src.benchmarks.scoring.word_list import PHRASES, Constraint, Task, allowed, check, draw_task, solve
from src.benchmarks.world.dice import Dice


@cache
def benchmark() -> Instructions:
    return Instructions(
        name="instructions",
        max_new_tokens=80,
        pool_size=1500,
        test_size=300,
        min_constraints=1,
        max_constraints=3,
        seed=0,
    )


def task(*constraints: Constraint, given: str = "pear wolf lamp", topic: str = "") -> Task:
    return Task(topic, tuple(given.split()) if not topic else (), constraints)


def test_the_items_are_the_same_on_every_platform_and_pool_and_test_are_disjoint() -> None:
    pool, test = benchmark().pool(), benchmark().test()
    assert examples_digest(test).startswith("1a91cbaf9608cb3b52da")
    assert len({e.prompt for e in pool}) == 1500
    assert {e.prompt for e in pool}.isdisjoint(e.prompt for e in test)


def test_sizes_and_disjointness_of_the_shipped_config() -> None:
    fields = yaml.safe_load((Path(__file__).parents[2] / "conf/benchmark/instructions.yaml").read_text())
    assert fields.pop("_target_") == "src.benchmarks.instructions.Instructions"
    shipped = Instructions(**fields)
    pool, test = shipped.pool(), shipped.test()
    assert (len(pool), len(test)) == (12_000, 500)
    assert len({e.prompt for e in pool} | {e.prompt for e in test}) == 12_500
    assert examples_digest([*test, *pool]) == "96f37f7f641e13abf23cc08596cc27f59e5fa56be5babea8d9a4e519f854c163"
    assert shipped.chance() == 0


def test_every_kind_of_constraint_occurs_in_the_test_set() -> None:
    kinds = {constraint.kind for e in benchmark().test() for constraint in Task.from_json(e.hidden).constraints}
    assert kinds == set(PHRASES)


def test_every_reference_is_right_by_every_score() -> None:
    for example in [*benchmark().pool(), *benchmark().test()]:
        verdict = benchmark().score(example, example.answer)
        assert verdict.score == 1 and verdict.error is None, example
        assert all(value == 1 for values in verdict.parts.values() for value in values)


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_every_task_can_be_solved_and_survives_its_json(seed: int, constraints: int) -> None:
    dice = Dice(f"task {seed}")
    drawn = draw_task(dice, constraints)
    assert len(drawn.constraints) == constraints
    assert Task.from_json(drawn.to_json()) == drawn
    assert check(drawn, solve(drawn, dice)).right


@pytest.mark.parametrize(
    ("constraint", "passes", "fails"),
    [
        (Constraint("count", "2"), "pear wolf", "pear wolf lamp"),
        (Constraint("alphabetical"), "lamp pear wolf", "pear wolf lamp"),
        (Constraint("backwards"), "wolf pear lamp", "lamp pear wolf"),
        (Constraint("reversed"), "lamp wolf pear", "pear wolf lamp"),
        (Constraint("upper"), "PEAR WOLF LAMP", "PEAR Wolf LAMP"),
        (Constraint("capitalized"), "Pear Wolf Lamp", "Pear wolf Lamp"),
        (Constraint("first", "OK"), "OK pear wolf lamp", "pear wolf lamp"),
        (Constraint("last", "STOP"), "pear wolf lamp STOP", "pear wolf STOP lamp"),
        (Constraint("without", "wolf"), "pear lamp", "pear wolf lamp"),
        (Constraint("twice"), "pear pear wolf wolf lamp lamp", "pear wolf lamp pear wolf lamp"),
    ],
)
def test_each_constraint_has_an_answer_that_passes_and_one_that_fails(
    constraint: Constraint, passes: str, fails: str
) -> None:
    assert check(task(constraint), passes).right
    assert not check(task(constraint), fails).met[0]


def test_length_constraints_choose_among_the_words() -> None:
    short = task(Constraint("short", "4"), given="pear candle lamp")
    assert allowed(short) == ["pear", "lamp"]
    assert check(short, "pear, lamp").right
    assert not check(short, "pear candle lamp").met[0]
    assert check(task(Constraint("long", "5"), given="pear candle lamp"), "candle").right


def test_a_topic_takes_any_of_its_words_but_no_other_and_none_twice() -> None:
    three = task(Constraint("count", "3"), topic="colors")
    assert check(three, "red blue green").right
    assert not check(three, "red blue table").right
    assert not check(three, "red red blue").right


def test_error_classes_and_parts() -> None:
    example = next(e for e in benchmark().test() if len(Task.from_json(e.hidden).constraints) == 3)
    nothing = benchmark().score(example, "I do not know")
    assert (nothing.error, nothing.extracted) == ("format", None)
    assert nothing.parts["instruction_strict"] == [0.0, 0.0, 0.0]
    chatty = benchmark().score(example, f"Sure, here it is:\n{example.answer}")
    assert chatty.score == 0 and chatty.error == "reasoning" and chatty.detail is not None
    assert chatty.parts["prompt_loose"] == [1.0]


def test_constraints_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"min_constraints \(3\) is above max_constraints \(2\)"):
        Instructions(**{**benchmark().model_dump(), "min_constraints": 3, "max_constraints": 2})
