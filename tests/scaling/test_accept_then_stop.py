import runpy
from pathlib import Path

import numpy as np
import pytest

from src.scaling.curve import Curve, Measurement

accept_then_stop = runpy.run_path(str(Path(__file__).parents[2] / "bench/accept_then_stop.py"))["accept_then_stop"]


def test_the_flat_start_is_left_out_of_the_line() -> None:
    sizes = 200 * 2 ** np.arange(10)
    rng = np.random.default_rng(0)
    loss = 3 * np.minimum(1, (sizes / 1600) ** -0.2) * np.exp(0.001 * rng.standard_normal(10))
    curve = Curve(
        "c", "loss", "loss", tuple(Measurement(int(n), 0, float(v)) for n, v in zip(sizes, loss, strict=True))
    )
    assert accept_then_stop(curve, np.array([1e6])) == pytest.approx(3 * (1e6 / 1600) ** -0.2, rel=0.01)
    everything = accept_then_stop(curve, np.array([1e6]), bound=np.inf)
    assert everything > 1.05 * 3 * (1e6 / 1600) ** -0.2
