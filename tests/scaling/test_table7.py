import runpy
from pathlib import Path

import numpy as np
import pytest

from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law
from src.scaling.laws.power_laws import PAPER

BENCH = runpy.run_path(str(Path(__file__).parents[2] / "bench/forecast.py"))


@pytest.mark.parametrize("pair", [pair for row in BENCH["TABLE_7"].values() for pair in row])
def test_the_papers_parameters_are_recovered_from_exact_points(pair: tuple[float, float]) -> None:
    percent = PAPER.predict(BENCH["SWEEP"], np.array(pair))
    assert percent.max() < 100
    points = zip(BENCH["SWEEP"], percent / 100, strict=True)
    curve = Curve("c", "accuracy", "accuracy", tuple(Measurement(int(n), 0, float(p)) for n, p in points))
    fit = fit_law(curve, PAPER)
    assert fit.parameters == pytest.approx(pair, rel=1e-7)
    assert "the search did not converge" not in fit.notes
