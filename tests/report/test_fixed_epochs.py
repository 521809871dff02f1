from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from src.config.recipe import Recipe
from src.report.fixed_epochs import FixedEpochs, fixed_epochs
from src.tracking.params import flat_params
from src.tracking.query import PointRecord

CONF = Path(__file__).parents[2] / "conf/recipe"


def recipe(name):
    """A recipe of conf/ with those that it is made from."""
    read = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    below = [recipe(of).model_dump() for of in read.pop("defaults", []) if of != "_self_"]
    return Recipe(**{key: value for fields in [*below, read] for key, value in fields.items()})


def point(name, method="full"):
    """A point as it is logged."""
    made = recipe(name)
    params = flat_params({"recipe.holds_constant": made.holds_constant, "recipe": made.model_dump(mode="json")})
    return PointRecord("r", "k", "m", "b", method, name, 10, 0, 0, params, {})


@pytest.mark.parametrize(
    ("name", "n", "steps"),
    [
        ("tiny", 533, {10: 402, 100: 400, 532: 532, 533: 402, 3162: 2373}),
        ("tiny_batch_follows_n", 2129, {100: 400, 101: 403, 3162: 594}),
        ("paper", 1, {10: 15, 100: 150, 101: 39, 1000: 375, 1001: 189}),
    ],
)
def test_steps_are_those_of_the_recipe_and_rise_from_where_its_minimum_is_reached(name, n, steps):
    fixed = fixed_epochs(point(name))
    assert {size: fixed.steps(size) for size in steps} == steps
    assert fixed.rise_from == n


def test_from_there_on_and_not_before_epochs_alone_decide():
    fixed = FixedEpochs("r", 3, 100, ((100, 2), (1000, 8), (None, 16)))
    repeated = [n for n in range(1, 2000) if fixed.steps(n) > 3 * -(-n // (2 if n <= 100 else 8 if n <= 1000 else 16))]
    assert fixed.rise_from == max(repeated) + 1 == 265


@pytest.mark.parametrize("name", ["converged", "tiny_steps"])
def test_a_recipe_that_fixes_something_else_has_none(name):
    assert fixed_epochs(point(name)) is None


def test_neither_has_a_prompt_or_a_point_that_does_not_tell():
    assert fixed_epochs(point("tiny", method="in_context")) is None
    old = point("tiny")
    assert fixed_epochs(replace(old, params={"recipe.epochs": "3", "recipe.holds_constant": "epochs"})) is None
    assert fixed_epochs(replace(old, params={})) is None
