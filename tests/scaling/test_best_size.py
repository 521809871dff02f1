import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import FathomError
from src.scaling.best_size import Budget, best_size
from src.scaling.curve import Curve, Measurement
from src.scaling.joint import JointAnalysis, SizedCurves, analyse_joint
from src.scaling.laws import CHINCHILLA, JOINT, KAPLAN
from src.scaling.laws.law import Law

N, SIZES = np.array([100, 400, 1600, 6400, 25_600]), (1e8, 4e8, 1.6e9, 6.4e9)


def analysed(law: Law, truth: tuple[float, ...]) -> JointAnalysis:
    rng, curves = np.random.default_rng(0), []
    for size in SIZES:
        values = law.predict(np.stack([N, np.full(5, size)]), np.array(truth)) * np.exp(1e-4 * rng.standard_normal(5))
        points = (Measurement(int(n), 0, float(value)) for n, value in zip(N, values, strict=True))
        curves.append(Curve(f"{size:g}", "loss", "loss", tuple(points)))
    return analyse_joint(SizedCurves("all", tuple(curves), SIZES), law)


@pytest.fixture(scope="module")
def additive() -> JointAnalysis:
    return analysed(CHINCHILLA, CHINCHILLA.example)


@given(
    st.floats(0.1, 1), st.floats(0.1, 0.6), st.floats(1, 9), st.floats(0.1, 0.6), st.floats(0.3, 2), st.floats(11, 15)
)
@settings(max_examples=50, deadline=None)
def test_no_size_is_better_than_the_closed_form(
    A: float, alpha: float, B: float, beta: float, kappa: float, power: float
) -> None:
    product, grid = 10**power, np.geomspace(1e2, 1e16, 2001)
    for law, parameters in ((CHINCHILLA, (A, alpha, B, beta, 0.5)), (KAPLAN, (A, alpha, B, beta, kappa, 0.5))):
        assert law.best_size is not None
        size = law.best_size(product, *parameters)
        (at_best,) = law.predict(np.array([[product / size], [size]]), np.array(parameters))
        assert at_best <= law.predict(np.stack([product / grid, grid]), np.array(parameters)).min() + 1e-9


def test_hoffmanns_form_is_eq_4_of_the_paper() -> None:
    """G·(C/6)^a, with the paper's A per weight in place of that at 10⁹."""
    A, alpha, B, beta, _ = CHINCHILLA.example
    G = (alpha * A * 1e9**alpha / (beta * B)) ** (1 / (alpha + beta))
    assert CHINCHILLA.best_size is not None
    assert CHINCHILLA.best_size(1e20 / 6, *CHINCHILLA.example) == pytest.approx(
        G * (1e20 / 6) ** (beta / (alpha + beta))
    )


def test_without_compute_the_largest_size_is_best_and_none_is_beyond(additive: JointAnalysis) -> None:
    found = best_size(additive, Budget(50_000))
    assert [of.size for of in found.sizes] == sorted(SIZES, reverse=True) and found.optimum is None
    best = found.sizes[0]
    assert (best.n, best.probability_best) == (50_000, 1) and best.regret == 0
    truth = CHINCHILLA.predict(np.array([[5e4], [6.4e9]]), np.array(CHINCHILLA.example))[0]
    assert best.interval_90[0] < truth < best.interval_90[1] and "6.4e+09 is the best of 4 (100%)" in str(found)


def test_compute_shortens_what_large_models_see(additive: JointAnalysis) -> None:
    found = best_size(additive, Budget(50_000, flops=6 * 4e8 * 10_000 * 20, tokens_per_example=20))
    seen = {of.size: of.n for of in found.sizes}
    assert seen == pytest.approx({1e8: 40_000, 4e8: 10_000, 1.6e9: 2500, 6.4e9: 625})
    assert found.optimum is not None and found.optimum.measured
    exact = CHINCHILLA.best_size(4e12, *CHINCHILLA.example) if CHINCHILLA.best_size else 0
    assert found.optimum.size == pytest.approx(exact, rel=0.02)
    low, high = found.optimum.size_90
    assert low is not None and high is not None and low < exact < high
    assert found.optimum.value <= found.sizes[0].value


def test_with_few_examples_the_smallest_size_that_sees_them_all_is_no_limit(additive: JointAnalysis) -> None:
    """So few examples that compute goes into size."""
    found = best_size(additive, Budget(100, flops=6 * 6.4e9 * 100))
    assert found.optimum is not None and found.optimum.size == pytest.approx(6.4e9)
    far = best_size(additive, Budget(100, flops=6 * 1e12 * 100)).optimum
    assert far is not None and not far.measured and "outside the sizes measured" in str(far)


def test_the_multiplicative_law_goes_to_an_end() -> None:
    rather_data = best_size(analysed(JOINT, JOINT.example), Budget(10_000, flops=6 * 4e8 * 10_000)).optimum
    assert rather_data is not None and rather_data.size == pytest.approx(4e8)
    assert best_size(analysed(JOINT, (2.5, 0.3, 0.15, 0.6)), Budget(10_000, flops=6 * 4e8 * 10_000)).optimum is None


def test_a_budget_for_nothing_is_refused(additive: JointAnalysis) -> None:
    with pytest.raises(FathomError, match="flops: 1e\\+08 pay for less than one example of 1 tokens at every"):
        best_size(additive, Budget(100, flops=1e8))
