from src.tasks.curves import curves_of
from src.tracking.query import PointRecord


def record(n, seed=0, ended=0, code="c1", **params):
    known = {"model": "m", "benchmark": "b", "method": "full", "recipe": "tiny", "recipe.lr": "0.001"}
    params = (
        known | {"n_examples": str(n), "seed": str(seed), "digest.code": code, "recipe.batch_examples": str(n)} | params
    )
    place = [params[key] for key in ("model", "benchmark", "method", "recipe")]
    return PointRecord(f"run{n}{seed}{code}", f"key{n}{seed}{code}", *place, n, seed, ended, params, {})


def test_a_curve_is_what_differs_in_n_and_seed_alone():
    points = [record(n, seed) for n in (10, 100) for seed in (0, 1)]
    curves, left_out = curves_of(points)
    assert curves == {"m b full tiny": points}
    assert left_out == 0


def test_curves_of_one_name_are_told_apart_by_the_params_that_differ():
    slow, fast = record(10), record(10, **{"recipe.lr": "0.01"})
    curves, _ = curves_of([slow, fast, record(10, model="other")])
    assert set(curves) == {"m b full tiny recipe.lr=0.001", "m b full tiny recipe.lr=0.01", "other b full tiny"}
    assert curves["m b full tiny recipe.lr=0.01"] == [fast]


def test_of_a_curve_measured_again_with_other_code_the_newest_counts():
    old = [record(10, ended=1), record(100, ended=2)]
    new = [record(10, ended=3, code="c2")]
    curves, left_out = curves_of(old + new)
    assert curves == {"m b full tiny": new}
    assert left_out == 2
