"""What holds for every law of the catalogue; a new one is found here by itself."""

import math

import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.fit import fit_law
from src.scaling.joint import fit_joint
from src.scaling.laws import CATALOGUE, laws_named, shapes_for
from src.scaling.laws.law import Law, Shape
from src.scaling.laws.power_laws import JOINT, PAPER, POWER_FLOOR

KINDS: tuple[Kind, Kind] = ("accuracy", "loss")
N = np.array([10, 32, 100, 316, 1000, 3162])
every_law = pytest.mark.parametrize("law", CATALOGUE, ids=lambda law: law.name)
every_shape = pytest.mark.parametrize(
    "shape", [shape for kind in KINDS for shape in shapes_for(kind)], ids=lambda shape: shape.law.name
)


def found_again(law: Law) -> np.ndarray:
    """The parameters of a fit to points computed from the law's example: 12 losses or 6 accuracies."""
    kind: Kind = "loss" if "loss" in law.quantities else "accuracy"
    n = np.round(10 * 4.0 ** np.arange(12 if kind == "loss" else 6))
    curves = []
    for size in (1e8, 1e9, 1e10):
        at = np.stack([n, np.full(len(n), size)]) if law.over_sizes else n
        values = law.quantities[kind].to_metric(law.predict(at, np.array(law.example)))
        points = (Measurement(int(n), 0, float(value)) for n, value in zip(n, values, strict=True))
        curves.append((Curve("c", "m", kind, tuple(points)), size))
    return (fit_joint(curves, law) if law.over_sizes else fit_law(curves[0][0], law)).parameters


@every_law
def test_it_is_recovered_from_its_own_points(law: Law) -> None:
    assert found_again(law) == pytest.approx(law.example, rel=1e-3)


@every_law
def test_it_states_itself(law: Law) -> None:
    assert law.latex and law.source and law.quantities and [of for of in CATALOGUE if of.name == law.name] == [law]
    assert all(parameter.meaning for parameter in law.parameters)
    starts, n = law.starts(1.0), np.stack([N, 1e8 * N]) if law.over_sizes else N
    batch = law.predict(n, starts)
    assert batch.shape == (len(starts), len(N))
    assert batch[3] == pytest.approx(law.predict(n, starts[3]))
    assert ((starts >= law.lower) & (starts <= law.upper)).all()


@pytest.mark.parametrize("law", [law for law in CATALOGUE if law.exponent], ids=lambda law: law.name)
def test_its_exponent_is_its_slope_in_log_log(law: Law) -> None:
    """Where nothing bends it: of odds long before half, of the others at huge n, and size, without their floor."""
    free = {"s": 0.0, "C": 1.0} if law.odds else {"E": 0.0}
    parameters = np.array([free.get(p.name, v) for p, v in zip(law.parameters, law.example, strict=True)])
    n = np.array([1e-6, 2e-6]) if law.odds else np.array([1e15, 2e15])
    values = law.predict(np.stack([n, [1e99, 1e99]]) if law.over_sizes else n, parameters)
    slope = abs(math.log(values[1] / values[0])) / math.log(2)
    assert slope == pytest.approx(float(law.exponent_of(parameters)), rel=0.01)


@every_shape
def test_a_latent_form_is_the_laws_own_formula(shape: Shape) -> None:
    """ln L, or the logit of an accuracy above chance, at any theta: but for the paper's law, which is held below 1."""
    theta = np.array([[c.mean + 0.1 * k for k, c in enumerate(shape.coordinates)]])
    named = shape.named(theta[0]) | ({} if "C" in shape.named(theta[0]) else {"C": 1.0})
    if shape.law is PAPER:
        named = {"a": 100 * named["D"] ** -named["k"], "b": 1 / named["k"]}
    value = shape.law.predict(N, np.array([named[p.name] for p in shape.law.parameters]))
    latent = shape.at(theta, np.log(N)[None])[0]
    if shape.law is PAPER:
        share = value / 100
        held = (1 + share**-4) ** -0.25
        assert latent == pytest.approx(np.log(held / (1 - held)), rel=1e-6)
    else:
        assert latent == pytest.approx(np.log(value / (1 - value) if shape.law.odds else value), rel=1e-9, abs=1e-12)


@every_shape
def test_a_latent_form_is_finite_wherever_its_prior_reaches(shape: Shape) -> None:
    rng = np.random.default_rng(0)
    mean, wide = (np.array([getattr(c, of) for c in shape.coordinates]) for of in ("mean", "doubt"))
    theta = mean + 2 * wide * rng.standard_normal((5000, 1, len(mean)))
    x = np.log(np.geomspace(1, 1e9, 7))[None]
    assert np.isfinite(shape.at(theta, x)).all()
    share = shape.share_at(theta, x)
    assert share.shape == (5000, 1, 7) and np.isfinite(share).all() and (share >= 0).all()


def test_a_floor_that_binds_takes_its_share_of_a_deviation() -> None:
    free, bounded = (shape for shape in shapes_for("loss") if shape.law is POWER_FLOOR)
    theta, x = np.log([[0.5, 3.0, 0.3]]), np.log(N)[None]
    above = 3.0 * N**-0.3
    assert bounded.share_at(theta, x)[0] == pytest.approx(above / (0.5 + above), rel=1e-6)
    assert (free.share_at(theta, x) == 1).all()


def test_laws_are_asked_for_by_name() -> None:
    assert laws_named(["joint", "paper", "joint"]) == (JOINT, PAPER)
    with pytest.raises(FathomError, match=r"laws: there is no law papr; there are paper, log_linear, odds, .*joint"):
        laws_named(["papr"])
