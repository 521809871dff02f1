"""Which points make up a curve: those that differ in n_examples and seed alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement
from src.scaling.noise import Kind, item_variance
from src.tracking.query import PointRecord, place

Params = frozenset[tuple[str, str]]

# What may differ along a curve, and what names it.
ALONG = {"n_examples", "seed", "recipe.batch_examples", "recipe.learning_rates", "generation.batch_tokens"}
NAME = ("model", "benchmark", "method", "recipe")
# Another code, base or data makes another generation of the same curve, never a part of it: the params that begin so.
GENERATION = "digest."
LOSSES = ("nll", "loss")
SHARES = ("accuracy", "_error_rate")
UNNAMEABLE = re.compile(r"[^\w\-. :/]")  # by MLflow, in the name of a metric
LONGEST_NAME = 250


def curves_of(records: Sequence[PointRecord]) -> tuple[dict[str, list[PointRecord]], int]:
    """The points of each curve by its name, and how many points of older generations were left out.

    A name holds model, benchmark, method and recipe; where that does not tell two curves apart, it also holds the
    params in which they differ. Of a curve that was measured again after code, base or data changed, the newest
    generation counts. A point at n = 0 begins every curve that has all of its params, and takes on the curve's others.
    """
    kinds: dict[Params, dict[Params, list[PointRecord]]] = defaultdict(dict)
    bases: list[tuple[PointRecord, list[Params]]] = []
    for record in sorted(records, key=lambda record: record.n_examples == 0):
        visible, generation = params_of_curve(record), _params_of(record, digests=True)
        may_begin = record.n_examples == 0 and visible not in kinds
        begun = [other for other in kinds if _begins(visible, other)] if may_begin else []
        if begun:
            bases.append((record, begun))
        else:
            kinds[visible].setdefault(generation, []).append(record)
    newest = {
        visible: max(generations.items(), key=lambda item: max(point.ended for point in item[1]))
        for visible, generations in kinds.items()
    }
    left_out = sum(len(of) for generations in kinds.values() for of in generations.values())
    left_out -= sum(len(of) for _, of in newest.values())
    for record, begun in bases:
        same = [newest[other] for other in begun if _params_of(record, digests=True) <= newest[other][0]]
        left_out += not same
        for _, of in same:
            of.append(_on_the_curve_of(of[0], record))

    same_name: dict[str, list[Params]] = defaultdict(list)
    for visible in kinds:
        named = dict(visible)
        same_name[" ".join(named[part] for part in NAME if part in named)].append(visible)
    curves = {}
    for name, alike in sorted(same_name.items()):
        # How many of them hold each param with each value: not all of them, and the param tells them apart.
        holders = Counter(param for visible in alike for param in visible)
        told = {key for (key, _), count in holders.items() if count < len(alike)}
        for visible in sorted(alike, key=sorted):
            words = [name, *(f"{key}={value}" for key, value in sorted(visible) if key in told)]
            curves[" ".join(words)] = sorted(newest[visible][1], key=place)
    return curves, left_out


def params_of_curve(record: PointRecord) -> Params:
    """What all points of the record's curve share, whatever their generation."""
    return _params_of(record, digests=False)


def _params_of(record: PointRecord, digests: bool) -> Params:
    return frozenset(
        (name, value)
        for name, value in record.params.items()
        if name not in ALONG and name.startswith(GENERATION) == digests
    )


def _begins(base: Params, curve: Params) -> bool:
    """Whether training with the params of a curve starts from what was measured at n = 0 with those of `base`."""
    return base < curve and dict(base).get("first") == dict(curve).get("first")


def _on_the_curve_of(point: PointRecord, base: PointRecord) -> PointRecord:
    params = {name: value for name, value in point.params.items() if name not in ALONG} | base.params
    return replace(base, method=point.method, recipe=point.recipe, params=params)


def measured(metric: str, points_of: Mapping[str, Sequence[PointRecord]]) -> list[Curve]:
    """One metric of each curve that has it: a benchmark without reference answers has no eval/nll.

    Raises FathomError if no curve has the metric, or if some points of a curve lack it.
    """
    curves = []
    for name, records in points_of.items():
        without = [record for record in records if metric not in record.metrics]
        if len(without) == len(records):
            continue
        if without:
            raise FathomError(f"metrics: {metric} was not measured in run {without[0].run_id} of curve {name}")
        curves.append(curve_of(name, records, metric))
    if not curves:
        there_are = {name for records in points_of.values() for r in records for name in r.metrics if "eval/" in name}
        raise FathomError(f"metrics: {metric} was not measured in this study; it has {', '.join(sorted(there_are))}")
    return curves


def curve_of(name: str, records: Sequence[PointRecord], metric: str) -> Curve:
    """One metric of the points that have it, with its values by test item where all of these points kept them."""
    having = [record for record in records if metric in record.metrics]
    kept = all(metric in record.items for record in having)
    measurements = tuple(
        Measurement(
            r.n_examples,
            r.seed,
            r.metrics[metric],
            r.items[metric] if kept else None,
            None if kept else _stderr(r, metric),
        )
        for r in having
    )
    chance = records[0].metrics.get("eval/chance", 0.0) if metric == "eval/accuracy" else 0.0
    return Curve(name, metric, _kind(metric, having), measurements, chance)


def _kind(metric: str, records: Sequence[PointRecord]) -> Kind:
    """Shares are accuracies; a loss, and a harness' metric that is no share, has noise in proportion to itself."""
    shares = all(0 <= record.metrics[metric] <= 1 for record in records)
    return "loss" if metric.split("/")[-1] in LOSSES or not shares else "accuracy"


def _stderr(record: PointRecord, metric: str) -> float | None:
    """The standard error over test items: as logged, or binomial for a share of the items; None where not known."""
    logged = record.metrics.get(f"{metric}_stderr")
    items = record.metrics.get(f"{metric.rpartition('/')[0]}/n_items")
    if logged is not None or items is None or not metric.endswith(SHARES):
        return logged
    return float(np.sqrt(item_variance(np.array(record.metrics[metric]), items)))


def metric_name(text: str) -> str:
    """A name that MLflow takes: `recipe.lr=0.001` becomes `recipe.lr:0.001`."""
    return UNNAMEABLE.sub(":", text)[:LONGEST_NAME]
