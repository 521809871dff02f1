import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement
from src.scaling.joint import JointFit, SizedCurves, analyse_joint, fit_joint, resample
from src.scaling.laws import CHINCHILLA, JOINT, KAPLAN
from src.scaling.laws.law import Law

N, SIZES = (100, 400, 1600, 6400, 25_600), (1e8, 4e8, 1.6e9)
FARSEER = Path(__file__).parents[2] / "../shared/data/farseer/farseer.csv"


def curves(noise: float, seed: int = 0, law: Law = JOINT, truth: tuple[float, ...] = ()) -> list[tuple[Curve, float]]:
    rng = np.random.default_rng(seed)
    made = []
    for size in SIZES:
        exact = law.predict(np.array([N, [size] * len(N)]), np.array(truth or law.example))
        values = exact * np.exp(noise * rng.standard_normal(len(N)))
        points = (Measurement(n, 0, float(value)) for n, value in zip(N, values, strict=True))
        made.append((Curve(f"{size:g}", "loss", "loss", tuple(points)), size))
    return made


def sized(pairs: list[tuple[Curve, float | None]]) -> SizedCurves:
    return SizedCurves("all", tuple(curve for curve, _ in pairs), tuple(size for _, size in pairs))


def test_the_joint_law_is_recovered_from_its_own_points() -> None:
    fit = fit_joint(curves(0), JOINT)
    assert fit.parameters == pytest.approx(JOINT.example, rel=1e-6) and fit.notes == ()
    elsewhere = 2.5 * 8**-0.1 * 1e5**-0.15 + 0.6
    assert fit.predict(np.array([[1e5], [8e9]])) == pytest.approx([elsewhere], rel=1e-6)


@given(st.tuples(st.floats(0.1, 1), st.floats(0.15, 0.6), st.floats(1, 5), st.floats(0.15, 0.6), st.floats(0.2, 1)))
@settings(max_examples=15, deadline=None)
def test_noiseless_losses_give_back_what_they_were_made_from(truth: tuple[float, ...]) -> None:
    assert fit_joint(curves(0, law=CHINCHILLA, truth=truth), CHINCHILLA).parameters == pytest.approx(truth, rel=1e-3)


@given(st.tuples(st.floats(1, 5), st.floats(0.05, 0.4), st.floats(0.1, 0.5), st.floats(0.3, 1)))
@settings(max_examples=15, deadline=None)
def test_so_do_those_of_the_multiplicative_law(truth: tuple[float, ...]) -> None:
    assert fit_joint(curves(0, truth=truth), JOINT).parameters == pytest.approx(truth, rel=1e-3)


def test_where_lacks_add_up_kaplans_law_is_the_additive_one() -> None:
    at = np.array([N, [4e8] * len(N)])
    *lacks, floor = CHINCHILLA.example
    assert KAPLAN.predict(at, np.array([*lacks, 1.0, floor])) == pytest.approx(
        CHINCHILLA.predict(at, np.array(CHINCHILLA.example))
    )


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    inside = []
    for seed in range(20):
        fit = fit_joint(curves(0.003, seed), JOINT)
        low, high = resample(fit, 100).intervals(0.9).T
        inside.append((low <= JOINT.example) & (JOINT.example <= high))
        assert np.sqrt((fit.residuals**2).mean()) == pytest.approx(0.003, rel=0.7)
    assert np.mean(inside) > 0.8


def test_deviations_that_a_models_runs_share_widen_the_intervals() -> None:
    alone, off = curves(0.003), []
    for (curve, size), shift in zip(curves(0.003), (0.02, -0.03, 0.02), strict=True):
        points = (Measurement(p.n, 0, p.value * (1 + shift)) for p in curve.measurements)
        off.append((Curve(curve.name, "loss", "loss", tuple(points)), size))
    narrow, wide = (np.ptp(resample(fit_joint(of, JOINT)).intervals(0.9)[1]) for of in (alone, off))
    assert wide > 1.5 * narrow


def test_a_run_that_went_wrong_moves_little() -> None:
    bad = curves(0.003)
    curve, size = bad[1]
    points = [*curve.measurements]
    points[2] = Measurement(points[2].n, 0, 3 * points[2].value)
    bad[1] = (Curve(curve.name, "loss", "loss", tuple(points)), size)
    at = np.array([[1e5], [1.6e9]])
    good = fit_joint(curves(0.003), JOINT).predict(at)
    assert fit_joint(bad, JOINT).predict(at) == pytest.approx(good, rel=0.01)


def test_what_the_points_do_not_pin_is_said() -> None:
    flat = [(Curve("c", "loss", "loss", tuple(Measurement(n, 0, 2.0) for n in N)), size) for size in SIZES]
    assert "not identifiable" in " ".join(fit_joint(flat, JOINT).notes)


def test_the_largest_points_are_forecast_from_the_others() -> None:
    made = analyse_joint(sized([*curves(0.003)]), JOINT)
    assert made.check is not None and made.check.held_out == 6
    assert 0 < made.check.off < 0.01
    assert made.widening == max(1, made.check.ratio)


def test_a_law_that_does_not_hold_says_so_and_is_wider() -> None:
    """From n = 6400 on, which the smaller points hardly reach, all losses are a fifth lower."""
    bent = []
    for curve, size in curves(0.001):
        points = (Measurement(p.n, 0, p.value * (0.8 if p.n >= 6400 else 1)) for p in curve.measurements)
        bent.append((Curve(curve.name, "loss", "loss", tuple(points)), size))
    made = analyse_joint(sized([*bent]), JOINT)
    assert made.check is not None and made.check.ratio > 2 and made.widening == made.check.ratio
    assert made.notes[0].startswith("lack of fit: the 6 points with the largest size × n are missed by ")


def test_a_model_of_unknown_size_is_left_out_and_said_so() -> None:
    unknown = Curve("unknown", "loss", "loss", tuple(Measurement(n, 0, 2.0) for n in N))
    made = analyse_joint(sized([*curves(0), (unknown, None)]), JOINT)
    assert isinstance(made.made, JointFit) and made.made.fit.parameters == pytest.approx(JOINT.example, rel=1e-6)
    assert made.notes[0] == "of unknown size and left out: unknown"


def test_one_size_or_few_points_are_refused() -> None:
    one = [(curve, 1e8) for curve, _ in curves(0)]
    with pytest.raises(FathomError, match="sizes are 1e\\+08, 1e\\+08, 1e\\+08; it needs at least two, all above 0"):
        fit_joint(one, JOINT)
    assert "at least two known sizes, there is 1" in analyse_joint(sized([*one]), JOINT).notes[0]
    few = [(curve.between(100, 400), size) for curve, size in curves(0)[:2]]
    with pytest.raises(FathomError, match="at least 6 points, there are 4"):
        fit_joint(few, JOINT)


@pytest.mark.skipif(not FARSEER.exists(), reason="Farseer's losses are not at ../shared/data/farseer")
def test_farseers_large_runs_are_forecast_from_the_small_ones() -> None:
    """R² on ScaleBench's seven; published 0.91. The multiplicative law bends too early, the additive one too late."""
    with FARSEER.open(newline="") as file:
        rows = list(csv.DictReader(file))
    of: dict[str, dict[float, list[Measurement]]] = {"train": {}, "test": {}}
    for run, row in enumerate(rows):
        point = Measurement(round(float(row["training_tokens"])), run, float(row["loss"]))
        of[row["split"]].setdefault(float(row["model_parameters"]), []).append(point)
    train = [(Curve("c", "loss", "loss", tuple(points)), size) for size, points in of["train"].items()]
    large = [(point.n, size, point.value) for size, points in of["test"].items() for point in points]
    n, size, loss = np.array(large).T
    found = {}
    for law in (JOINT, CHINCHILLA, KAPLAN):
        predicted = fit_joint(train, law).predict(np.stack([n, size]))
        found[law.name] = 1 - ((loss - predicted) ** 2).sum() / ((loss - loss.mean()) ** 2).sum()
    assert found["kaplan"] == pytest.approx(0.922, abs=0.01)
    assert found["joint"] == pytest.approx(0.778, abs=0.01)
    assert found["chinchilla"] == pytest.approx(-2.19, abs=0.05)
