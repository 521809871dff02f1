"""What a reader must know before the numbers: curves that measure the length of training, or its bound, beside data."""

from collections.abc import Mapping, Sequence

from src.report.fixed_epochs import FixedEpochs, fixed_epochs
from src.study.training import BOUND_HIT
from src.tracking.query import PointRecord

Curves = Mapping[str, Sequence[PointRecord]]


def caveats(points_of: Curves) -> list[str]:
    """A sentence for each recipe whose steps rise with n, and for each whose bound ended points."""
    return [*_longer_with_n(points_of), *_at_the_bound(points_of)]


def _longer_with_n(points_of: Curves) -> list[str]:
    """Told by what the recipes say, whatever was logged."""
    affected: dict[FixedEpochs, list[set[int]]] = {}
    for points in points_of.values():
        recipe, sizes = fixed_epochs(points[0]), {point.n_examples for point in points} - {0}
        if recipe and sizes and max(sizes) >= recipe.rise_from and recipe.steps(max(sizes)) > recipe.steps(min(sizes)):
            affected.setdefault(recipe, []).append(sizes)
    return [_longer(recipe, of, len(points_of)) for recipe, of in affected.items()]


def _longer(recipe: FixedEpochs, curves: Sequence[set[int]], all_curves: int) -> str:
    sizes = set.union(*curves)
    everywhere = min(sizes) >= recipe.rise_from
    where = "Steps rise" if everywhere else f"From n = {recipe.rise_from:,} on, steps rise"
    fixed = f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}"
    fixed += "" if everywhere else f", at least {recipe.min_steps:,} steps"
    ends = " and ".join(f"{recipe.steps(n):,} steps at n = {n:,}" for n in (min(sizes), max(sizes)))
    which = "this curve" if all_curves == 1 else f"{len(curves)} of {all_curves} curves"
    return (
        f"{where} with n by construction (recipe {recipe.recipe}: {fixed}; {ends}): {which} "
        f"{'measures' if len(curves) == 1 else 'measure'} data and length of training together."
    )


def _at_the_bound(points_of: Curves) -> list[str]:
    hits: dict[tuple[str, str], dict[int, list[float]]] = {}
    for point in (point for points in points_of.values() for point in points if BOUND_HIT in point.metrics):
        recipe = (point.recipe, point.params.get("recipe.until.max_steps", "?"))
        hits.setdefault(recipe, {}).setdefault(point.n_examples, []).append(point.metrics[BOUND_HIT])
    return [
        f"Recipe {recipe}: {_counted(at)} ended at recipe.until.max_steps={bound} while validation loss was still "
        "falling: such points measure the bound."
        for (recipe, bound), at in hits.items()
        if any(map(any, at.values()))
    ]


def _counted(hits: Mapping[int, Sequence[float]]) -> str:
    counts = [f"{sum(of):.0f} of {len(of)} at n = {n:,}" for n, of in sorted(hits.items()) if any(of)]
    return ", ".join(counts).replace(" at", " points at", 1)
