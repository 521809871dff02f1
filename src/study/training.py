"""How the points of a curve were trained, as their runs logged it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, median_low

from src.tracking.query import PointRecord

STEPS, BOUND_HIT = "train/optimizer_steps", "train/bound_hit"


@dataclass(frozen=True)
class Training:
    """The points of a curve at one n: medians over those that logged it, None where none did.

    Steps and epochs are those behind the weights that were kept. `bound_hit` counts the points that
    recipe.until.max_steps ended, None where the recipe has no such bound.
    """

    curve: str
    n: int
    points: int
    optimizer_steps: float
    epochs: float | None
    lr: float | None
    bound_hit: int | None
    val_examples: float | None


def trainings(points_of: Mapping[str, Sequence[PointRecord]]) -> list[Training]:
    """A row for each curve and n, ascending, of the points that logged their steps: a base or a prompt takes none."""
    rows = []
    for name, points in points_of.items():
        trained = [point for point in points if STEPS in point.metrics]
        for n in sorted({point.n_examples for point in trained}):
            at_n = [point for point in trained if point.n_examples == n]
            steps, epochs, lr, hits, val = (
                _logged(metric, at_n)
                for metric in (STEPS, "train/epochs", "train/best_lr", BOUND_HIT, "data/val_examples")
            )
            rows.append(
                Training(
                    curve=name,
                    n=n,
                    points=len(at_n),
                    optimizer_steps=median(steps),
                    epochs=median(epochs) if epochs else None,
                    lr=median_low(lr) if lr else None,  # a rate that was taken, none between two
                    bound_hit=round(sum(hits)) if hits else None,
                    val_examples=median(val) if val else None,
                )
            )
    return rows


def _logged(metric: str, points: Sequence[PointRecord]) -> list[float]:
    return [point.metrics[metric] for point in points if metric in point.metrics]
