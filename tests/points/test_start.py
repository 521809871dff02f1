"""A point that starts from what an earlier point left, for real."""

import pytest

from src.errors import FathomError
from src.points.point import identify
from src.tasks.finetune import finetune
from src.tracking.query import points
from src.tracking.store import open_store


def records(config):
    store = open_store(config.tracking.uri, config.tracking.root)
    return {record.key: record for record in points(store, config.study)}


def test_the_first_point_is_run_once_and_its_weights_are_where_the_second_starts(toy):
    first = {"benchmark": toy.benchmark(), "n_examples": 40}
    recipe = {"epochs": None, "steps": 40, "lr": 3e-3}
    at_zero = toy(n_examples=0, first=first, recipe=recipe)
    finetune(at_zero)
    first_key = identify(at_zero).first.key
    made = records(at_zero)
    assert set(made) == {first_key, identify(at_zero).key}
    # Nothing is trained after the first point, so the second measures exactly what the first one did.
    assert made[identify(at_zero).key].metrics["eval/nll"] == made[first_key].metrics["eval/nll"]

    further = toy(n_examples=3, first=first, recipe=recipe)
    finetune(further)
    again = records(further)
    assert again[first_key].run_id == made[first_key].run_id
    assert len(again) == 3


def test_the_first_point_is_the_one_that_runs_alone_under_the_same_key(toy):
    alone = toy(n_examples=40)
    assert identify(toy(n_examples=0, first={"benchmark": toy.benchmark(), "n_examples": 40})).first.key == (
        identify(alone).key
    )


def test_another_first_is_another_point_and_none_is_the_plain_one(toy):
    def key(n):
        return identify(toy(first={"benchmark": toy.benchmark(), "n_examples": n})).key

    assert len({identify(toy()).key, key(5), key(6)}) == 3
    assert key(0) == identify(toy()).key


def test_the_name_and_the_params_say_what_came_before(toy):
    point = identify(toy(first={"benchmark": toy.benchmark(), "n_examples": 40}))
    assert point.name == "tiny_llama3-s · echo · after 40 echo · n=10 · seed=0"
    assert point.params["first"] == "40 echo"


def test_on_several_devices_the_first_point_must_be_there(toy):
    config = toy(first={"benchmark": toy.benchmark(), "n_examples": 4}, trainer={"devices": 2, "strategy": "ddp"})
    with pytest.raises(FathomError, match=r"trainer.devices: with 2 run .* as a point of its own before"):
        finetune(config)
