import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement


def test_means_and_pooled_standard_errors() -> None:
    points = (Measurement(10, 0, 0.1), Measurement(10, 1, 0.3), Measurement(100, 0, 0.5), Measurement(0, 0, 0.0))
    curve = Curve("c", "m", "accuracy", points)
    assert curve.sizes.tolist() == [0, 10, 100]
    assert curve.means == pytest.approx([0, 0.2, 0.5])
    # Pooled variance 0.02 (one degree of freedom), over two and one seeds; no seed moves the base.
    assert curve.standard_errors == pytest.approx(np.sqrt([0, 0.01, 0.02]))


def test_the_noise_of_losses_is_relative_to_them() -> None:
    points = (Measurement(10, 0, 4.0), Measurement(10, 1, 6.0), Measurement(1000, 0, 0.4), Measurement(1000, 1, 0.6))
    errors = Curve("c", "m", "loss", points).standard_errors
    assert errors == pytest.approx([5 * 0.2, 0.5 * 0.2])


def test_single_seed_takes_its_noise_from_the_items() -> None:
    items = np.array([0.0, 1.0, 1.0, 0.0])
    curve = Curve("c", "m", "accuracy", (Measurement(10, 0, 0.5, items),))
    assert curve.standard_errors == pytest.approx([items.std(ddof=1) / 2])
    assert Curve("c", "m", "accuracy", (Measurement(10, 0, 0.5),)).standard_errors is None


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
