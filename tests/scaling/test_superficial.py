import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.superficial import superficial

SIZES = (10, 100, 300, 1000, 3000, 10_000)
FLAN = Path(__file__).parents[3] / "shared/data/rectified_ft_law/flan.csv"
ROUNDS = 2000
ABOUT_5_PERCENT = 0.05 + 3 * (0.05 * 0.95 / ROUNDS) ** 0.5


def curve(truth: np.ndarray, noise: float, rng: np.random.Generator, seeds: int = 3, kind: Kind = "accuracy") -> Curve:
    """Accuracies with normal noise between seeds, losses with log-normal one."""
    points = []
    for n, level in zip(SIZES, truth, strict=True):
        for seed, draw in enumerate(noise * rng.standard_normal(seeds)):
            points.append(Measurement(n, seed, float(level + draw if kind == "accuracy" else level * np.exp(draw))))
    return Curve("c", kind, kind, tuple(points))


def verdicts(truth: np.ndarray, noise: float, seeds: int = 3, kind: Kind = "accuracy") -> Counter[str]:
    rng = np.random.default_rng(0)
    found = [superficial(curve(truth, noise, rng, seeds, kind), by=300).verdict for _ in range(ROUNDS)]
    return Counter({verdict: count / ROUNDS for verdict, count in Counter(found).items()})


EARLY = np.log10(np.minimum(SIZES, 300)) - 1  # rises to n = 300, then flat


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("kind", ["accuracy", "loss"])
def test_a_flat_curve_is_seldom_said_to_scale(kind: Kind, seeds: int) -> None:
    flat = 0.2 + 0.2 * EARLY if kind == "accuracy" else 3 * np.exp(-0.3 * EARLY)
    share = verdicts(flat, 0.02, seeds, kind)
    # The decade before n0, in which it rises, does not count.
    assert share["scales"] <= ABOUT_5_PERCENT


def test_a_gain_as_large_as_the_smallest_of_interest_is_seldom_said_to_be_saturated() -> None:
    share = verdicts(0.3 + 0.01 * np.log10(SIZES), 0.005)
    assert share["saturated"] <= ABOUT_5_PERCENT


def test_power_to_see_a_gain_and_to_see_that_there_is_none() -> None:
    rising = 0.3 + 0.03 * np.log10(SIZES)
    assert verdicts(rising, 0.01)["scales"] > 0.95  # 3 points a decade, noise of a seed 1 point
    assert 0.4 < verdicts(rising, 0.03)["scales"] < 0.7
    flat = np.full(len(SIZES), 0.4)
    assert verdicts(flat, 0.005)["saturated"] > 0.95
    assert verdicts(flat, 0.03)["saturated"] < 0.3  # too noisy: cannot tell


def test_the_sentence_has_the_numbers_and_a_decline_is_not_scaling() -> None:
    falling = curve(0.6 - 0.05 * np.log10(SIZES), 0.005, np.random.default_rng(0))
    answer = superficial(falling)
    assert answer.verdict == "saturated" and answer.n0 == 1000 and answer.largest == 10_000
    assert answer.slope == pytest.approx(-0.05, abs=0.02) and 5 < answer.freedom <= 18
    assert answer.gain == pytest.approx(falling.means[-1] - falling.means[3])
    assert answer.low < -5 < answer.high < 0 and answer.percent == pytest.approx(100 * answer.slope)
    for said in ("saturated: a decade of n brings", "from n = 1,000 to 10,000", "degrees of freedom"):
        assert said in answer.sentence


def test_a_decade_takes_a_share_off_a_loss() -> None:
    answer = superficial(curve(3 * np.array(SIZES) ** -0.1, 0.001, np.random.default_rng(0), kind="loss"))
    assert answer.slope == pytest.approx(0.1 * np.log(10), rel=0.02)
    assert answer.percent == pytest.approx(100 * (1 - 10**-0.1), rel=0.02) and answer.low < answer.percent < answer.high


def test_single_seeds_take_their_stated_errors_and_say_what_these_leave_out() -> None:
    points = tuple(Measurement(n, 0, 0.1 * np.log10(n), stderr=0.01) for n in SIZES)
    answer = superficial(Curve("c", "m", "accuracy", points))
    assert answer.verdict == "scales" and answer.freedom is None
    assert answer.slope == pytest.approx(0.1) and answer.slope_stderr == pytest.approx(0.01 * 2**0.5, rel=0.01)
    assert "a single seed" in answer.sentence


def test_without_any_noise_the_scatter_about_the_line_counts() -> None:
    points = tuple(Measurement(n, 0, 2.0 + 0.001 * (-1) ** i) for i, n in enumerate(SIZES))
    answer = superficial(Curve("c", "m", "loss", points), by=100)
    assert answer.freedom == 3 and answer.verdict == "saturated"
    two = superficial(Curve("c", "m", "loss", points), by=3000)
    assert two.verdict == "cannot tell" and "do not tell the noise" in two.sentence


@pytest.mark.parametrize("sizes", [(10, 5000), (0, 10, 500), (2000, 4000)])
def test_a_curve_that_does_not_span_the_question_is_not_judged(sizes: tuple[int, ...]) -> None:
    answer = superficial(Curve("c", "m", "accuracy", tuple(Measurement(n, 0, 0.5, stderr=0.01) for n in sizes)))
    assert answer.verdict == "cannot tell" and answer.slope is None
    assert answer.sentence == "cannot tell: it takes a size with 100 ≤ n ≤ 1,000 and one beyond it"


def test_the_size_to_saturate_by_is_short_of_the_last() -> None:
    points = tuple(Measurement(n, 0, 0.1 * np.log10(n), stderr=0.01) for n in (10, 100, 316, 1000))
    answer = superficial(Curve("c", "m", "accuracy", points))
    assert (answer.n0, answer.largest) == (316, 1000)


def test_accuracies_of_0_have_no_spread_over_items_and_are_not_taken_as_exact() -> None:
    values = {300: (0.0, 0.0), 1000: (0.0, 0.0), 3000: (0.01, 0.01), 10_000: (0.0, 0.0)}
    points = tuple(Measurement(n, 0, value, stderr=error) for n, (value, error) in values.items())
    assert superficial(Curve("c", "m", "accuracy", points)).slope_stderr == pytest.approx(0.01 / np.sqrt(0.5), rel=0.1)


def test_real_finetuning_losses_scale_beyond_a_thousand_examples() -> None:
    if not FLAN.exists():
        pytest.skip(f"{FLAN} is not here: the FLAN learning curves are kept beside the checkout")
    with FLAN.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        points = tuple(Measurement(int(n), 0, float(row[n])) for n in row if n.isdigit())
        answer = superficial(Curve(row["config name"], "loss", "loss", points))
        assert answer.verdict == "scales" and answer.n0 == 800, answer.sentence
