import numpy as np
import pytest

from src.scaling.curve import Curve, Measurement
from src.study.through_loss import through_the_loss
from src.tracking.query import PointRecord

SIZES = [10, 20, 40, 80, 160, 320, 640]


def both(name: str, sizes: list[int]) -> list[Curve]:
    """Losses that fall by a power law, and accuracies that a sigmoid makes of them."""
    losses = [4 * n**-0.3 for n in sizes]
    accuracies = [0.9 / (1 + np.exp(4 * (loss - 1))) for loss in losses]
    return [
        Curve(
            name,
            metric,
            kind,
            tuple(Measurement(n, 0, float(v), stderr=0.01) for n, v in zip(sizes, values, strict=True)),
        )
        for metric, kind, values in (("eval/accuracy", "accuracy", accuracies), ("eval/nll", "loss", losses))
    ]


def records(*benchmarks: str) -> dict[str, list[PointRecord]]:
    fields = dict.fromkeys(PointRecord.__dataclass_fields__)
    return {name: [PointRecord(**fields | {"benchmark": name})] for name in benchmarks}


def test_the_largest_n_is_forecast_through_the_loss_of_its_own_benchmark() -> None:
    rows = through_the_loss([*both("math", SIZES), *both("short", SIZES[:3])], records("math", "short"), seed=0)
    assert [(row.benchmark, row.forecast.n) for row in rows] == [("math", 640)]
    low, high = rows[0].forecast.interval_90
    assert low <= rows[0].measured <= high and rows[0].forecast.value == pytest.approx(rows[0].measured, abs=0.05)


def test_accuracies_alone_have_no_second_step() -> None:
    accuracy, _ = both("math", SIZES)
    assert through_the_loss([accuracy], records("math"), seed=0) == []
