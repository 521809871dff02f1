import numpy as np
import pytest

from src.scaling.analysis import Row, analyse, hold_out
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.joint import SizedCurves
from src.scaling.laws.power_laws import JOINT, PAPER, POWER

SIZES = (0, 10, 32, 100, 316, 1000, 3162)


def made(name: str, means: list[float], kind: Kind = "accuracy", noise: float = 0.01) -> Curve:
    rng = np.random.default_rng(len(name))
    points = [
        Measurement(n, seed, max(0.0, mean + rng.normal(0, noise)))
        for n, mean in zip(SIZES, means, strict=True)
        for seed in (0, 1, 2)
    ]
    return Curve(name, "eval/accuracy" if kind == "accuracy" else "eval/nll", kind, tuple(points))


RISING = made("rising", [0.02, *(0.05 * n**0.3 for n in SIZES[1:])], noise=0.005)
FLAT = made("flat", [0.3] * 7)
LOSS = made("loss", [4.0, *(0.5 + 3 * n**-0.3 for n in SIZES[1:])], "loss")


def test_a_study_from_curves_to_rows() -> None:
    study = analyse([RISING, FLAT, LOSS], replicates=100)
    rows = study.rows()
    assert [(r.curve, r.law) for r in rows] == [
        ("rising", "paper"),
        ("rising", "log_linear"),
        ("rising", "odds"),
        ("rising", "power_floor"),
        ("rising", "rectified"),
        ("flat", "–"),
        ("loss", "power_floor"),
        ("loss", "rectified"),
    ]
    assert rows[0].parameters.keys() == {"a", "b"} and "[" in rows[0].parameters["b"]
    assert "n=3162: predicted" in rows[0].hold_out and "inside" in rows[0].hold_out
    assert rows[0].note == "n=0 left out: the law needs n ≥ 1; no per-item scores"
    assert rows[5] == Row("flat", "eval/accuracy", "–", {}, "–", "–", rows[5].note)
    assert rows[5].note.startswith("flat within noise")
    assert "100 replicates, 90% intervals, random seed 0" in study.methods


def test_same_curves_same_numbers() -> None:
    assert analyse([RISING, LOSS], 50).rows() == analyse([RISING, LOSS], 50).rows()


def test_hold_out_does_not_see_the_largest_size() -> None:
    points = tuple(p if p.n < 3162 else Measurement(p.n, p.seed, 0.9) for p in RISING.measurements)
    moved = hold_out(Curve("moved", "eval/accuracy", "accuracy", points), PAPER, 100, 0.9, seed=0)
    kept = hold_out(RISING, PAPER, 100, 0.9, seed=0)
    assert moved is not None and kept is not None
    assert moved.predicted == kept.predicted == pytest.approx(0.05 * 3162**0.3, rel=0.1)
    assert kept.inside is True and moved.inside is False and moved.measured == pytest.approx(0.9)


def test_partial_answers_say_what_is_missing() -> None:
    three = analyse([RISING.between(0, 100)], 50).rows()
    assert three[0].parameters and three[0].hold_out == "–"
    assert "too few points to hold one out" in three[0].note
    assert {row.law: row.note for row in three}["power_floor"] == "too few points: 3, needs 4"
    single = Curve("one", "eval/nll", "loss", tuple(p for p in LOSS.measurements if p.seed == 0))
    row = analyse([single], 50).rows()[0]
    assert "[" in row.parameters["beta"]  # from the scatter about the law
    assert "a single seed, no per-item scores and no standard errors" in row.note
    assert "measured" in row.hold_out


def test_the_laws_that_are_asked_for_are_fitted_and_no_others() -> None:
    assert [(r.curve, r.law) for r in analyse([RISING, LOSS], 50, laws=[POWER]).rows()] == [
        ("rising", "power"),
        ("loss", "power"),
    ]
    without = analyse([RISING, LOSS], 50, laws=[PAPER]).rows()[1]
    assert without.note == "none of the laws asked for (paper) is meant for loss" and without.parameters == {}


def test_a_law_over_sizes_has_a_row_for_all_models_together() -> None:
    on = SizedCurves("all", (LOSS, LOSS), (1e9, 2e9))
    study = analyse([RISING, LOSS], 50, laws=[JOINT], sized=[on, SizedCurves("one", (LOSS,), (1e9,))])
    refused, of_all, of_one = study.rows()
    assert refused.note == "none of the laws asked for (joint) is meant for accuracy"
    assert (of_all.curve, of_all.law) == ("all", "joint") and of_all.parameters.keys() == {"A", "alpha", "beta", "E"}
    assert "[" in of_all.parameters["beta"]
    assert of_all.hold_out.startswith("4 points of the largest size × n: RMS log error 0.0")
    assert of_all.hold_out.endswith(" times what was expected")
    assert of_one.note == "the law needs models of at least two known sizes, there is 1"
    assert "Laws over model sizes" in study.methods
