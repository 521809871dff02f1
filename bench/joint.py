"""Laws over model size and n at once: on Farseer's pretraining losses, and do their 90 % intervals hold?

Farseer (Li et al. 2025, arXiv 2506.10972) as split by ScaleBench (arXiv 2604.22753): fitted on 404 runs, asked for 7
large ones. Published R² there: 0.91 fitted on all runs, 0.93 with chosen ones. "largest third" is the check that an
analysis makes on the runs that it is fitted to. Then studies simulated from each law, with noise of every run and,
where said, a deviation that all runs of a model share. Run with --studies=N (40 by default).
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from src.scaling.curve import Curve, Measurement
from src.scaling.joint import JointAnalysis, SizedCurves, analyse_joint
from src.scaling.laws import CHINCHILLA, JOINT, KAPLAN
from src.scaling.laws.law import Law

DATA = Path(__file__).parents[1] / "../shared/data/farseer/farseer.csv"
LAWS = (JOINT, CHINCHILLA, KAPLAN)
# (models, sizes n of each, noise of a run, deviation of a model), the last two as shares of the loss
STUDIES = ((3, 5, 0.003, 0.0), (3, 5, 0.003, 0.003), (5, 6, 0.003, 0.0), (5, 6, 0.02, 0.0), (5, 6, 0.003, 0.003))
NINETY = (0.05, 0.95)


def farseer(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and parameters, shape (2, runs), and losses, shape (runs,)."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    at = np.array([[float(row["training_tokens"]), float(row["model_parameters"])] for row in rows]).T
    return at, np.array([float(row["loss"]) for row in rows])


def as_curves(at: np.ndarray, losses: np.ndarray) -> SizedCurves:
    """A curve for each size; runs at the same n count as seeds."""
    of: dict[float, list[Measurement]] = {}
    for run, (n, size, loss) in enumerate(zip(*at, losses, strict=True)):
        of.setdefault(float(size), []).append(Measurement(round(n), run, float(loss)))
    curves = tuple(Curve(f"{size:g}", "loss", "loss", tuple(points)) for size, points in of.items())
    return SizedCurves("all", curves, tuple(of))


def r_squared(predicted: np.ndarray, losses: np.ndarray) -> float:
    return 1 - float(((losses - predicted) ** 2).sum() / ((losses - losses.mean()) ** 2).sum())


def simulated(law: Law, models: int, n: int, noise: float, shared: float, seed: int) -> JointAnalysis:
    rng = np.random.default_rng([seed, models])
    sizes, ns = 1e8 * 4.0 ** np.arange(models), 100 * 4.0 ** np.arange(n)
    at = np.stack([np.tile(ns, models), np.repeat(sizes, n)])
    off = noise * rng.standard_normal(models * n) + np.repeat(shared * rng.standard_normal(models), n)
    return analyse_joint(as_curves(at, law.predict(at, np.array(law.example)) * np.exp(off)), law)


def coverage(law: Law, studies: int, *of: float) -> tuple[np.ndarray, float]:
    """Shares of 90 % intervals that hold: each parameter's, and of the loss at 4 times the largest size and n."""
    truth, held, ahead = np.array(law.example), [], []
    for seed in range(studies):
        found = simulated(law, int(of[0]), int(of[1]), of[2], of[3], seed)
        assert found.made is not None
        low, high = found.made.intervals(0.9).T
        held.append((low <= truth) & (truth <= high))
        at = 4 * found.made.fit.sizes.max(axis=1, keepdims=True)
        low, high = np.quantile(found.made.draws(at, found.widening), NINETY)
        ahead.append(low <= law.predict(at, truth)[0] <= high)
    return np.mean(held, axis=0), float(np.mean(ahead))


def on_farseer() -> Table:
    table = Table(title="Farseer: fitted on 404 runs")
    for heading in ("law", "parameters", "R², runs fitted", "largest third", "R², 7 large runs", "in 90 % interval"):
        table.add_column(heading)
    on = as_curves(*farseer(DATA, "train"))
    at, losses = farseer(DATA, "test")
    for law in LAWS:
        found = analyse_joint(on, law)
        assert found.made is not None and found.check is not None
        low, high = np.quantile(found.made.measured(at, found.widening), NINETY, axis=0)
        table.add_row(
            law.name,
            str(len(law.parameters)),
            f"{found.made.fit.r_squared:.4f}",
            f"off by {found.check.off:.2%}, {found.check.ratio:.1f} × expected",
            f"{r_squared(found.made.fit.predict(at), losses):.3f}",
            f"{((low <= losses) & (losses <= high)).sum()}, ± {np.mean((high - low) / losses) / 2:.1%}",
        )
    table.add_row("published, all runs (arXiv 2604.22753)", "", "", "", "0.91", "")
    table.add_row("published, chosen runs", "", "", "", "0.93", "")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40)
    studies = parser.parse_args().studies
    console = Console(width=160)
    console.print(on_farseer())
    table = Table(title=f"coverage of nominal 90 % intervals, {studies} simulated studies each")
    for heading in ("law", "models × n", "noise", "of a model", "parameters", "loss at 4 × size, 4 × n"):
        table.add_column(heading)
    for law in LAWS:
        for models, n, noise, shared in STUDIES:
            held, ahead = coverage(law, studies, models, n, noise, shared)
            each = ", ".join(f"{p.name} {share:.0%}" for p, share in zip(law.parameters, held, strict=True))
            table.add_row(law.name, f"{models} × {n}", f"{noise:.1%}", f"{shared:.1%}", each, f"{ahead:.0%}")
    console.print(table)


if __name__ == "__main__":
    main()
