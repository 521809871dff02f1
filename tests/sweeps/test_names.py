"""What a sweep calls its points, its curves and itself, told from real points of the toy benchmark."""

from dataclasses import replace

from src.points.point import identify
from src.sweeps.names import chart_labels, keys_to_tell, sweep_name, told


def test_a_name_says_the_overrides_that_would_else_leave_two_points_alike():
    points = [
        ("s", f"m · b · n={n}", [f"n_examples={n}", "study=s", f"recipe.lr={lr}", "+also.x=1"])
        for n in (0, 10)
        for lr in ("1e-3", "3e-3")
    ]
    assert keys_to_tell(points) == ["recipe.lr"]
    assert [told(overrides, ["recipe.lr"]) for *_, overrides in points] == [["recipe.lr=1e-3"], ["recipe.lr=3e-3"]] * 2


def test_a_name_needs_nothing_more_where_its_words_tell_the_points_apart():
    overrides = [["model=a", "n_examples=0"], ["model=b", "n_examples=0"]]
    assert keys_to_tell([("s", "a · n=0", overrides[0]), ("s", "b · n=0", overrides[1])]) == []
    assert keys_to_tell([("s", "a · n=0", ["study=s"]), ("t", "a · n=0", ["study=t"])]) == []


def test_an_added_key_is_said_without_its_sign():
    points = [("s", "m", [f"+benchmark@train_on={other}"]) for other in ("general", "multihop")]
    keys = keys_to_tell(points)
    assert told(points[0][2], keys) == ["benchmark@train_on=general"]


def test_the_name_says_more_and_the_key_stays(toy):
    first = {"benchmark": toy.benchmark(), "n_examples": 4}
    point = identify(toy(first=first))
    telling = point.telling(["recipe.lr=0.1", "benchmark.extra=1"])
    assert telling.name == "tiny_llama3-s · echo · after 4 echo · recipe.lr=0.1 · benchmark.extra=1 · n=10 · seed=0"
    assert telling.first.name == "tiny_llama3-s · echo · recipe.lr=0.1 · n=4 · seed=0"
    assert telling == replace(point, untold=telling.untold, first=telling.first)
    assert (telling.key, telling.first.key) == (point.key, point.first.key)


def test_a_sweep_is_named_after_what_its_points_share(toy):
    point = identify(toy())
    assert sweep_name([point]) == "sweep · tiny_llama3-s · echo · n=10 · seed=0"
    further = identify(toy(n_examples=3, seed=1))
    assert sweep_name([point, further]) == "sweep · tiny_llama3-s · echo · n=3…10 · 2 seeds"
    two = [point.telling(["recipe=a"]), further.telling(["recipe=b"])]
    assert sweep_name(two) == "sweep · tiny_llama3-s · echo · 2 curves · n=3…10 · 2 seeds"


def test_a_chart_says_what_is_its_own():
    assert chart_labels([("m", "b")]) == {("m", "b"): "m b"}
    assert chart_labels([("m", "b", "lr=1"), ("m", "c", "lr=1")]) == {("m", "b", "lr=1"): "b", ("m", "c", "lr=1"): "c"}
    assert chart_labels([("m", "b"), ("m", "b", "lora")]) == {("m", "b"): "m b", ("m", "b", "lora"): "lora"}
