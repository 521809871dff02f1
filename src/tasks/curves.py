"""Which points make up a curve: those that differ in n_examples and seed alone."""

from collections import defaultdict
from collections.abc import Sequence

from src.tracking.query import PointRecord

# What differs along a curve, and what names it.
ALONG = {"n_examples", "seed", "recipe.batch_examples"}
NAME = ("model", "benchmark", "method", "recipe")
# Another code, base or data makes another generation of the same curve, never a part of it.
GENERATION = ("digest.code", "digest.base", "digest.data")


def curves_of(records: Sequence[PointRecord]) -> tuple[dict[str, list[PointRecord]], int]:
    """The points of each curve by its name, and how many points of older generations were left out.

    A name holds model, benchmark, method and recipe; where that does not tell two curves apart, it also holds the
    params in which they differ. Of a curve that was measured again after code, base or data changed, the newest
    generation counts.
    """
    kinds: dict[tuple[tuple[str, str], ...], dict[tuple[str, ...], list[PointRecord]]] = defaultdict(dict)
    for record in records:
        visible = tuple(sorted((k, v) for k, v in record.params.items() if k not in ALONG and k not in GENERATION))
        generation = tuple(record.params.get(digest, "") for digest in GENERATION)
        kinds[visible].setdefault(generation, []).append(record)

    same_name: dict[str, list[tuple[tuple[str, str], ...]]] = defaultdict(list)
    for visible in kinds:
        same_name[" ".join(dict(visible)[part] for part in NAME)].append(visible)
    curves, left_out = {}, 0
    for name, alike in sorted(same_name.items()):
        told = {key for visible in alike for key, value in visible if any(dict(v).get(key) != value for v in alike)}
        for visible in sorted(alike):
            generations = kinds[visible].values()
            newest = max(generations, key=lambda points: max(point.ended for point in points))
            left_out += sum(len(points) for points in generations) - len(newest)
            curves[" ".join([name, *(f"{key}={value}" for key, value in visible if key in told)])] = newest
    return curves, left_out
