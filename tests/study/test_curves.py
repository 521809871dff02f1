from dataclasses import replace

import pytest

from src.errors import FathomError
from src.study.curves import curves_of, measured, metric_name
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


def base(ended=0, code="c1", **params):
    known = {"model": "m", "benchmark": "b", "n_examples": "0", "digest.code": code} | params
    return PointRecord(f"base{code}", f"base{code}", "m", "b", "", "", 0, 0, ended, known, {})


def test_a_base_begins_every_curve_that_has_its_params():
    slow, fast = record(10), record(10, **{"recipe.lr": "0.01"})
    after = record(10, first="1000 multihop")
    curves, left_out = curves_of([base(), slow, fast, after, record(10, model="other")])
    assert left_out == 0
    begun = [of[-1] for of in curves.values() if len(of) == 2]
    assert len(curves) == 4
    assert sorted(begun, key=str) == sorted([slow, fast], key=str)
    of_fast = next(of for of in curves.values() if of[-1] is fast)
    assert (of_fast[0].method, of_fast[0].recipe, of_fast[0].params["recipe.lr"]) == ("full", "tiny", "0.01")
    assert of_fast[0].params["n_examples"] == "0"


def test_a_base_measured_with_other_code_than_a_curve_does_not_begin_it():
    curves, left_out = curves_of([base(code="c0", ended=9), base(), record(10)])
    assert [point.run_id for point in curves["m b full tiny"]] == ["basec1", "run100c1"]
    assert left_out == 1
    assert curves_of([base(ended=9, code="c0"), record(10)])[1] == 1


def test_a_base_alone_is_a_curve_of_its_own():
    assert curves_of([base()]) == ({"m b": [base()]}, 0)


def with_metrics(n, seed=0, **metrics):
    return replace(record(n, seed), metrics={f"eval/{name}": value for name, value in metrics.items()})


def test_a_curve_takes_over_values_standard_errors_and_chance():
    points = [with_metrics(10, s, accuracy=0.3 + 0.1 * s, accuracy_stderr=0.05, chance=0.2) for s in (0, 1)]
    (curve,) = measured("eval/accuracy", {"c": points})
    assert [(m.n, m.seed, m.value, m.stderr) for m in curve.measurements] == [(10, 0, 0.3, 0.05), (10, 1, 0.4, 0.05)]
    assert (curve.name, curve.kind, curve.chance) == ("c", "accuracy", 0.2)
    (loss,) = measured("eval/nll", {"c": [with_metrics(10, nll=1.5, chance=0.2)]})
    assert (loss.kind, loss.chance, loss.measurements[0].stderr) == ("loss", 0.0, None)


def test_a_curve_without_the_metric_is_skipped_and_one_that_has_it_in_part_is_refused():
    has, lacks = with_metrics(10, nll=1.5), with_metrics(100, accuracy=0.5)
    assert [curve.name for curve in measured("eval/nll", {"a": [has], "b": [lacks]})] == ["a"]
    with pytest.raises(FathomError, match=rf"eval/nll was not measured in run {lacks.run_id} of curve a"):
        measured("eval/nll", {"a": [has, lacks]})
    with pytest.raises(FathomError, match="eval/nll was not measured in this study; it has eval/accuracy"):
        measured("eval/nll", {"b": [lacks]})


def test_a_thousand_variants_of_one_name_are_told_apart():
    points = [record(10, **{"recipe.lr": str(i), **{f"p{j}": "same" for j in range(50)}}) for i in range(1000)]
    curves, _ = curves_of(points)
    assert len(curves) == 1000
    assert "m b full tiny recipe.lr=7" in curves


def test_names_that_mlflow_would_refuse_are_made_good():
    assert metric_name("law/m b recipe.lr=0.1 [1, 2]") == "law/m b recipe.lr:0.1 :1: 2:"
    assert len(metric_name("x" * 300)) == 250
