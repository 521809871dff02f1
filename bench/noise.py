"""Do intervals of nominal 90 % hold what they should? Simulated curves with known components of noise.

Accuracies: the logit of an item's chance to be right is that of the size plus normal terms of the training set (0.25)
and of the item (1.5), which all seeds and sizes share; the answer itself is drawn. Losses: the same as factors, with
the rest drawn from a gamma distribution. Means follow their law exactly. With one seed, means and differences are held
against those of the training set that was drawn, since the interval does not speak of others; parameters always against
the truth. Run with --curves=N (400 by default).
"""

import argparse
from collections import defaultdict

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from src.scaling.bootstrap import bootstrap
from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law
from src.scaling.laws import PAPER, POWER_FLOOR
from src.scaling.noise import difference, interval

SIZES = np.array([10, 32, 100, 316, 1000, 3162])
ITEMS = 1000
OF_SEED, OF_ITEM = 0.25, 1.5
# Two curves of each kind, on the same test items.
ACCURACIES = (np.array([4.0, 3.0]), np.array([6.0, 4.0]))
LOSSES = (np.array([0.5, 4.0, 0.3]), np.array([0.4, 4.0, 0.35]))
CONFIDENCE = 0.9
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def mean_share(level: np.ndarray, spread: float) -> np.ndarray:
    """E expit(level + spread · z)."""
    return expit(level[..., None] + spread * NODES) @ WEIGHTS


def levels(shares: np.ndarray) -> np.ndarray:
    """The logits that give these mean shares over items and training sets."""
    low, high = np.full(len(shares), -20.0), np.full(len(shares), 20.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = mean_share(middle, float(np.hypot(OF_SEED, OF_ITEM))) > shares
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low


def accuracy_curve(
    rng: np.random.Generator, truth: np.ndarray, seeds: int, item: np.ndarray
) -> tuple[Curve, np.ndarray]:
    """A curve, and the mean at each size given its training sets."""
    shares = PAPER.predict(SIZES, truth) / 100
    level = levels(shares)[:, None] + OF_SEED * rng.standard_normal((len(SIZES), seeds))
    points = []
    for k, n in enumerate(SIZES):
        for s in range(seeds):
            right = rng.random(ITEMS) < expit(level[k, s] + OF_ITEM * item)
            points.append(Measurement(int(n), s, float(right.mean()), right.astype(np.uint8)))
    return Curve(f"{truth}", "accuracy", "accuracy", tuple(points)), mean_share(level, OF_ITEM).mean(axis=1)


def loss_curve(rng: np.random.Generator, truth: np.ndarray, seeds: int, item: np.ndarray) -> tuple[Curve, np.ndarray]:
    means = POWER_FLOOR.predict(SIZES, truth)
    of_seed, of_item, shape = 0.04, 0.8, 2.0
    level = means[:, None] * np.exp(of_seed * rng.standard_normal((len(SIZES), seeds)) - of_seed**2 / 2)
    points = []
    for k, n in enumerate(SIZES):
        for s in range(seeds):
            rest = rng.gamma(shape, 1 / shape, ITEMS)
            losses = level[k, s] * np.exp(of_item * item - of_item**2 / 2) * rest
            points.append(Measurement(int(n), s, float(losses.mean()), losses))
    return Curve(f"{truth}", "loss", "loss", tuple(points)), level.mean(axis=1)


def coverage(kind: str, seeds: int, curves: int) -> dict[str, float]:
    """The share of intervals that hold the truth, by what they are of."""
    rng = np.random.default_rng([seeds, len(kind)])
    make, truths, law = (accuracy_curve, ACCURACIES, PAPER) if kind == "accuracy" else (loss_curve, LOSSES, POWER_FLOOR)
    exact = [law.predict(SIZES, truth) / (100 if kind == "accuracy" else 1) for truth in truths]
    inside = defaultdict(list)

    def note(what: str, ends: tuple[float, float], true: float) -> None:
        inside[what].append(ends[0] <= true <= ends[1])

    for trial in range(curves):
        item = rng.standard_normal(ITEMS)
        (a, given_a), (b, given_b) = (make(rng, truth, seeds, item) for truth in truths)
        true_a, true_b = (given_a, given_b) if seeds == 1 else exact
        for k in range(len(SIZES)):
            note("means", interval(a.means[k], *a.noise.at(k), CONFIDENCE, a.kind), true_a[k])
            between = b.means[k] - a.means[k]
            note(
                "differences of two curves",
                interval(between, *difference(a.noise, k, b.noise, k), CONFIDENCE, "difference"),
                true_b[k] - true_a[k],
            )
        for k in range(len(SIZES) - 2):
            contrast = np.zeros(len(SIZES))
            contrast[[k, k + 2]] = -1, 1
            rise = interval(float(contrast @ a.means), *a.noise.contrast(contrast), CONFIDENCE, "difference")
            note("differences over a decade", rise, float(contrast @ true_a))
        samples = []
        for curve, truth in ((a, truths[0]), (b, truths[1])):
            sample = bootstrap(curve, fit_law(curve, law), 300, CONFIDENCE, seed=trial)
            samples.append(sample.parameters[:, -1])
            for parameter, ends, true in zip(law.parameters, sample.parameter_intervals(), truth, strict=True):
                note(f"{law.name}: {parameter.name}", ends, true)
        apart = np.quantile(samples[1] - samples[0], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        note(f"difference of {law.parameters[-1].name}", tuple(apart), truths[1][-1] - truths[0][-1])
    return {what: float(np.mean(of)) for what, of in inside.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=400)
    curves = parser.parse_args().curves
    table = Table(title=f"coverage of nominal 90 % intervals, {curves} pairs of curves")
    for heading in ("metric", "interval of", "1 seed", "2", "3", "5"):
        table.add_column(heading)
    for kind in ("accuracy", "loss"):
        found = {seeds: coverage(kind, seeds, curves) for seeds in (1, 2, 3, 5)}
        for what in found[1]:
            table.add_row(kind, what, *(f"{100 * of[what]:.1f} %" for of in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
