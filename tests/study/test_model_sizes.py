import pytest

from src.scaling.curve import Curve, Measurement
from src.study.model_sizes import model_size, over_models
from src.tracking.query import PointRecord


def point(model="m", **metrics):
    return PointRecord("r", "k", model, "b", "full", "tiny", 10, 0, 0, {}, metrics)


@pytest.mark.parametrize(
    ("name", "size"), [("llama3_70b", 70e9), ("mistral_7b-random", 7e9), ("qwen_0.5b", 5e8), ("tiny_llama3-s", None)]
)
def test_the_size_is_in_the_name(name, size):
    assert model_size(point(name)) == size


def test_a_logged_size_counts_before_the_name():
    assert model_size(point("llama2_7b", **{"model/parameters": 6.7e9})) == 6.7e9


def test_curves_that_differ_in_the_model_alone_belong_together():
    models = {"llama2_7b b full": "llama2_7b", "tiny b full": "tiny", "tiny b lora": "tiny"}
    curves = [Curve(name, metric, "loss", (Measurement(10, 0, 1.0),)) for metric in ("x", "y") for name in models]
    groups = over_models(curves, {name: [point(model)] for name, model in models.items()})
    found = {(of.name, of.curves[0].metric): ([curve.name for curve in of.curves], of.sizes) for of in groups}
    both = (["llama2_7b b full", "tiny b full"], (7e9, None))
    assert found == {
        ("all models b full", "x"): both, ("all models b lora", "x"): (["tiny b lora"], (None,)),
        ("all models b full", "y"): both, ("all models b lora", "y"): (["tiny b lora"], (None,)),
    }  # fmt: skip
