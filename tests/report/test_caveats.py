from src.report.caveats import caveats
from src.tracking.query import PointRecord

TINY = {
    "recipe.holds_constant": "epochs",
    "recipe.epochs": "3",
    "recipe.min_steps": "400",
    "recipe.batch_size": '[{"up_to": null, "examples": 4}]',
}
CONVERGED = {"recipe.holds_constant": "convergence", "recipe.until.max_steps": "20000"}


def curve(sizes, recipe="tiny", params=TINY, **metrics):
    logged = {name.replace("__", "/"): value for name, value in metrics.items()}
    return [PointRecord(f"{n}", f"{n}", "m", "b", "full", recipe, n, 0, 0, params, logged) for n in sizes]


def test_a_recipe_with_a_minimum_of_steps_is_told_with_the_n_from_which_they_rise():
    assert caveats({"c": curve([0, 10, 100, 1000])}) == [
        "From n = 533 on, steps rise with n by construction (recipe tiny: 3 epochs, at least 400 steps; 402 steps at "
        "n = 10 and 750 steps at n = 1,000): this curve measures data and length of training together."
    ]


def test_a_recipe_without_one_is_told_for_all_sizes_and_its_curves_are_counted():
    paper = TINY | {"recipe.min_steps": "1"}
    points_of = {
        "a": curve([10, 100], "paper", paper),
        "b": curve([100, 1000], "paper", paper),
        "c": curve([10, 100], "converged", CONVERGED, train__bound_hit=0.0),
    }
    assert caveats(points_of) == [
        "Steps rise with n by construction (recipe paper: 3 epochs; 9 steps at n = 10 and 750 steps at n = 1,000): "
        "2 of 3 curves measure data and length of training together."
    ]


def test_nothing_is_said_where_the_sizes_do_not_make_steps_rise():
    assert caveats({"short": curve([0, 10, 100]), "one size": curve([0, 1000]), "base": curve([0])}) == []


def test_points_that_the_bound_ended_are_counted_by_recipe_and_n():
    still = {"train__bound_hit": 1.0}
    ended = {"train__bound_hit": 0.0}
    points_of = {
        "a": [*curve([100], "converged", CONVERGED, **ended), *curve([1000, 3162], "converged", CONVERGED, **still)],
        "b": curve([1000], "converged", CONVERGED, **ended),
    }
    assert caveats(points_of) == [
        "Recipe converged: 1 of 2 points at n = 1,000, 1 of 1 at n = 3,162 ended at recipe.until.max_steps=20000 "
        "while validation loss was still falling: such points measure the bound."
    ]


def test_points_that_say_nothing_of_their_training_have_none():
    assert caveats({"c": curve([10, 1000], params={})}) == []
