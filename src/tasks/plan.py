"""What points would take, before anything is bought: memory, hours, dollars, disk. Nothing is run or downloaded."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from src.config.train import TrainConfig
from src.planning.assumptions import FILE, Assumptions, assumptions
from src.planning.at_hand import complete_keys, key_of
from src.planning.cost import HUB_BYTES, cost_of
from src.planning.disk import Disk, Sizes, disk_of
from src.planning.memory import Memory, memory_of
from src.planning.remedies import for_evaluation, for_training
from src.planning.work import PointWork, work_of
from src.points.point import PoolTooSmall

GIB = 2**30
UNGROUPED = {"n_examples", "seed", "benchmark", "train_on", "first", "also", "study"}

console = Console(soft_wrap=True, highlight=False, markup=False)


@dataclass(frozen=True)
class Group:
    """Points that differ in their examples alone, and the memory that the largest of them takes."""

    name: str
    points: list[PointWork]
    memory: Memory


def plan(config: TrainConfig) -> None:
    """Say what the point that `config` describes would take."""
    plan_all([config])


def plan_all(configs: Sequence[TrainConfig]) -> None:
    """Say what these points would take together."""
    assumed = assumptions()
    left, told = _left(configs)
    console.print(told)
    groups = _groups(left, assumed)
    if not groups:
        return
    _print_memory(groups, assumed)
    _print_costs(groups, assumed)
    _print_disk(groups)
    for group in groups:
        for sentence in _what_does_not_fit(group, assumed):
            console.print(sentence)
    console.print(_assumed(groups, assumed))


def _left(configs: Sequence[TrainConfig]) -> tuple[list[TrainConfig], str]:
    """The points that are not complete yet, and a sentence on how many there are."""
    of_study = {config.study: config for config in configs}
    complete = {study: done for study, config in of_study.items() if (done := complete_keys(config))}
    keys = [key_of(config) if config.study in complete else "" for config in configs]
    left = [c for c, key in zip(configs, keys, strict=True) if key not in complete.get(c.study, ())]
    unknown = sum(key is None for key in keys)
    told = f"{len(configs)} point{'s' if len(configs) > 1 else ''}, {len(configs) - len(left)} complete already"
    if unknown:
        told += f"; of {unknown} it is unknown: their base, their data or their device is not on this machine"
    return left, told + "."


def _groups(configs: Sequence[TrainConfig], assumed: Assumptions) -> list[Group]:
    alike: dict[str, list[PointWork]] = {}
    for config in configs:
        settings = json.dumps(config.model_dump(mode="json", exclude=UNGROUPED), sort_keys=True)
        try:
            alike.setdefault(settings, []).append(work_of(config, assumed))
        except PoolTooSmall as refusal:
            if len(configs) == 1:
                raise
            console.print(f"left out: {refusal}")
    return [Group(_name(points[0].config), points, memory_of(points)) for points in alike.values() if points]


def _name(config: TrainConfig) -> str:
    trainer = config.trainer
    devices = f"{trainer.ranks} × {trainer.strategy}" if trainer.ranks > 1 else "1"
    return f"{config.model.label} | {config.method.name} | {devices}"


def _print_memory(groups: Sequence[Group], assumed: Assumptions) -> None:
    console.print("\nMemory in GiB: of each device at the fullest moment of training, and of the one that evaluates")
    kinds = ("weights", "gradients", "optimiser", "activations", "logits")
    rows = []
    for group in groups:
        training, evaluation = group.memory.training, group.memory.evaluation
        at_peak = {
            "weights": training.get("weights", 0) + training.get("gathered", 0) + training.get("average", 0),
            "gradients": training.get("gradients", 0) + training.get("buckets", 0),
            "activations": training.get("activations", 0) + training.get("casts", 0),
        }
        rows.append(
            [
                group.name,
                *(_gib(at_peak.get(kind, training.get(kind, 0))) for kind in kinds),
                _gib(sum(training.values())),
                _gib(evaluation["cache"]),
                _gib(sum(evaluation.values())),
            ]
        )
    _print_table(["model | method | devices", *kinds, "training", "cache", "evaluating"], rows)


def _print_costs(groups: Sequence[Group], assumed: Assumptions) -> None:
    gpus = {} if all(group.points[0].config.trainer.accelerator == "cpu" for group in groups) else assumed.gpus
    console.print("\nWork" + (", and hours and dollars on the GPUs that have the memory" if gpus else ""))
    rows = []
    for group in groups:
        trainings = [point.training for point in group.points if point.training]
        flops = sum(
            t.trials * group.memory.trained.flops_of(t.work) for t in trainings if group.memory.trained is not None
        )
        cells = []
        for name, gpu in gpus.items():
            costs = [cost_of(point, group.memory, gpu, assumed) for point in group.points]
            hours, dollars = sum(cost.hours for cost in costs), sum(cost.dollars for cost in costs)
            fits = group.memory.most <= assumed.usable(name)
            cells.append(f"{hours:,.2g} h, ${dollars:,.2f}" if fits else "–")
        steps, tokens = sum(t.trials * t.steps for t in trainings), sum(t.trials * t.tokens for t in trainings)
        work = [len(group.points), f"{steps:,}", f"{tokens:,.0f}", f"{flops / 1e15:,.3g}"]
        rows.append([group.name, *map(str, work), *cells])
    _print_table(["model | method | devices", "points", "steps", "tokens", "PFLOP", *gpus], rows)


def _print_disk(groups: Sequence[Group]) -> None:
    bases = {g.points[0].config.model.label: HUB_BYTES * g.memory.evaluated.parameters for g in groups}
    everything = [disk for group in groups for disk in _disks(group)]
    console.print(
        f"\nDisk: {_gib(sum(bases.values()))} GiB of bases, {_gib(max(disk.at_work for disk in everything))} GiB for "
        f"the point at work, {_gib(sum(disk.kept for disk in everything))} GiB of weights kept "
        "(save=none keeps none)."
    )


def _disks(group: Group) -> list[Disk]:
    trained = group.memory.trained
    if trained is None:
        return [Disk(0.0, 0.0)]
    sizes = Sizes(group.memory.evaluated.parameters, trained.trained_bytes, trained.optimiser_bytes)
    return [disk_of(point.config, sizes) for point in group.points]


def _what_does_not_fit(group: Group, assumed: Assumptions) -> Iterator[str]:
    config, usable, memory = group.points[0].config, assumed.usable(assumed.reference), group.memory
    if config.trainer.accelerator == "cpu":
        return
    many = f"{config.trainer.ranks}" if config.trainer.ranks > 1 else "one"
    what = f"{config.model.label} {config.method.name} on {many} {assumed.reference} does not fit"
    if (taken := sum(memory.training.values())) > usable:
        nearest = ", or ".join(for_training(group.points, memory, usable)) or "a smaller model, or larger GPUs"
        yield f"{what}: training takes {_gib(taken)} GiB of {_gib(usable)} on each; nearest: {nearest}."
    if (taken := sum(memory.evaluation.values())) > usable:
        nearest = ", or ".join(for_evaluation(group.points, memory, usable)) or "a larger GPU, which holds all weights"
        yield f"{what}: evaluating takes {_gib(taken)} GiB of {_gib(usable)} on one of them; nearest: {nearest}."


def _assumed(groups: Sequence[Group], assumed: Assumptions) -> str:
    sources = ", ".join(sorted({point.source for group in groups for point in group.points}))
    bound = any(point.config.recipe.until and point.training for group in groups for point in group.points)
    return (
        f"\nAssumed ({FILE.name}): {assumed.of_peak:.0%} of peak operations, {assumed.of_bandwidth:.0%} of bandwidth, "
        f"prices, {assumed.kept_free:.0%} of memory kept free. {sources[0].upper()}{sources[1:]}. "
        + ("Training ends when validation says so: steps, hours and dollars are the most. " if bound else "")
        + ("Points that come before (first) are not counted. " if any(_has_first(group) for group in groups) else "")
        + "Memory is traced on tensors without data, as torch allocates it."
    )


def _has_first(group: Group) -> bool:
    return any(point.config.first and point.config.first.n_examples for point in group.points)


def _gib(size: float) -> str:
    return f"{size / GIB:,.1f}" if size >= 0.1 * GIB else f"{size / GIB:.2g}"


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    console.print(f"\n| {' | '.join(head)} |")
    console.print("|" + "---|" * " | ".join(head).count(" | ") + "---|")
    for row in rows:
        console.print(f"| {' | '.join(row)} |")
