import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement


def test_means_and_seeds_at_each_size() -> None:
    points = (Measurement(10, 0, 0.1), Measurement(10, 1, 0.3), Measurement(100, 0, 0.5), Measurement(0, 0, 0.0))
    curve = Curve("c", "m", "accuracy", points)
    assert curve.sizes.tolist() == [0, 10, 100] and curve.seeds.tolist() == [1, 2, 1]
    assert curve.means == pytest.approx([0, 0.2, 0.5])


def test_between_keeps_both_ends() -> None:
    curve = Curve("c", "m", "loss", tuple(Measurement(n, 0, 1.0) for n in (0, 10, 100, 1000)))
    assert curve.between(10, 100).sizes.tolist() == [10, 100]


@pytest.mark.parametrize(
    ("kind", "points", "sentence"),
    [
        ("accuracy", [Measurement(10, 0, 46.5)], "outside .* percent, divide it by 100"),
        ("accuracy", [Measurement(-1, 0, 0.5)], "n is negative"),
        ("loss", [Measurement(10, 0, float("nan"))], "n=10, seed=0: the value is nan"),
        ("loss", [Measurement(10, 0, 0.0)], "not above 0"),
        ("loss", [Measurement(10, 0, 1.0, np.array([np.nan]))], "not finite"),
        ("loss", [Measurement(10, 3, 1.0), Measurement(10, 3, 1.0)], "n=10, seed=3 is given more than once"),
        ("loss", [Measurement(1, 0, 1.0, np.ones(2)), Measurement(2, 0, 1.0, np.ones(3))], "different numbers"),
        ("loss", [], "there are no measurements"),
    ],
)
def test_bad_input_gets_a_sentence(kind, points, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FathomError, match=sentence):
        Curve("c", "m", kind, tuple(points))
