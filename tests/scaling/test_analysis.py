import numpy as np
import pytest
from matplotlib.figure import Figure

from src.errors import FathomError
from src.scaling.analysis import Row, analyse
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.holdout import hold_out
from src.scaling.laws import PAPER, POWER_FLOOR
from src.scaling.plots import plot_error_classes, plot_law

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
        ("rising", "power_floor"),
        ("flat", "–"),
        ("loss", "power_floor"),
    ]
    assert rows[0].parameters.keys() == {"a", "b"} and "[" in rows[0].parameters["b"]
    assert "n=3162: predicted" in rows[0].hold_out and "inside" in rows[0].hold_out
    assert rows[0].note == "n=0 left out: the law needs n ≥ 1; no per-item scores"
    assert rows[2] == Row("flat", "eval/accuracy", "–", {}, "–", "–", rows[2].note)
    assert rows[2].note.startswith("flat within noise")
    assert "100 replicates, 90% intervals, random seed 0" in study.methods


def test_same_curves_same_numbers() -> None:
    assert analyse([RISING, LOSS], 50).rows() == analyse([RISING, LOSS], 50).rows()


def test_hold_out_does_not_see_the_largest_size() -> None:
    points = tuple(p if p.n < 3162 else Measurement(p.n, p.seed, 0.9) for p in RISING.measurements)
    moved = hold_out(Curve("moved", "eval/accuracy", "accuracy", points), PAPER, 100)
    kept = hold_out(RISING, PAPER, 100)
    assert moved is not None and kept is not None
    assert moved.predicted == kept.predicted == pytest.approx(0.05 * 3162**0.3, rel=0.1)
    assert kept.inside is True and moved.inside is False and moved.measured == pytest.approx(0.9)


def test_partial_answers_say_what_is_missing() -> None:
    three = analyse([RISING.between(0, 100)], 50).rows()
    assert three[0].parameters and three[0].hold_out == "–"
    assert "too few points to hold one out" in three[0].note
    assert three[1].note == "too few points: 3, needs 4"
    single = Curve("one", "eval/nll", "loss", tuple(p for p in LOSS.measurements if p.seed == 0))
    row = analyse([single], 50).rows()[0]
    assert "[" not in row.parameters["beta"] and "no interval: a single seed" in row.note
    assert "measured" in row.hold_out and "inside" not in row.hold_out


def test_figures_draw_every_curve_and_leave_saving_to_the_caller(tmp_path) -> None:  # type: ignore[no-untyped-def]
    study = analyse([RISING, FLAT], replicates=50)
    figure = plot_law("arithmetic", study.curves, PAPER)
    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert labels == ["rising", "flat (flat within noise)"]
    assert [tick.get_text() for tick in axes.get_xticklabels()][:2] == ["0", "10"]
    figure.savefig(tmp_path / "law.png")
    errors = plot_law("arithmetic", study.curves, POWER_FLOOR)
    assert errors.axes[0].get_ylabel() == "error (%)"
    assert plot_law("gsm8k", analyse([LOSS], 50).curves, POWER_FLOOR).axes[0].get_ylabel() == "eval/nll"


def test_error_classes_side_by_side(tmp_path) -> None:  # type: ignore[no-untyped-def]
    falling = made("format", [0.6, 0.5, 0.3, 0.1, 0.05, 0.0, 0.0])
    figure = plot_error_classes("arithmetic", [falling], [RISING])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["format errors", "reasoning errors"]
    assert figure.axes[0].get_xticklabels()[0].get_text() == "0"
    figure.savefig(tmp_path / "errors.svg")


def test_a_figure_of_mixed_kinds_or_no_curves_is_refused() -> None:
    study = analyse([RISING, LOSS], replicates=20)
    with pytest.raises(FathomError, match="must all be of one kind"):
        plot_law("mixed", study.curves, POWER_FLOOR)
    with pytest.raises(FathomError, match="no curves to draw"):
        plot_law("empty", [], POWER_FLOOR)
