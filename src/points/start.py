"""Weights that are there: a base's, or what a point left, on which another one may start."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.config.model import Dtype
from src.config.trainer import Trainer
from src.errors import FathomError
from src.models.precision import cast_weights
from src.models.skeleton import skeleton
from src.modules.ranks import Ranks
from src.modules.sharding import shard_to_measure
from src.modules.training import compute_dtype
from src.points.base import Base
from src.points.export import Loaded, is_adapter, load_export
from src.points.point import Point
from src.tracking import tags as tag
from src.tracking.ownership import complete_run, key_lock, runs_of_key
from src.tracking.query import fetch, runs_with
from src.tracking.store import Store

WEIGHTS = "model"  # the artifact


@dataclass(frozen=True)
class Start:
    """The base, and the directory of the weights that a point made of it (None: the base itself).

    A base may itself be a start, on which the point's adapters were trained.
    """

    base: "Base | Start"
    weights: Path | None

    def load(self, dtype: Dtype | None = None) -> Loaded:
        """The weights in `dtype`; with None those of a base in the model's own, of an earlier point in float32."""
        if self.weights is None:
            return self.base.load(dtype)
        return load_export(self.base.load, self.weights, dtype or "float32", self.reading)

    def skeleton(self, dtype: Dtype | None = None) -> PreTrainedModel:
        """What `load` loads, without its weights."""
        if self.weights is None:
            return self.base.skeleton(dtype)
        if is_adapter(self.weights):
            return self.base.skeleton("float32")
        return skeleton(self.weights, dtype or "float32", **self.reading)

    @property
    def reading(self) -> dict[str, Any]:
        """How the base is read from files, and so what was trained of it."""
        return self.base.reading

    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.base.tokenizer()

    def load_to_measure(self, trainer: Trainer, device: torch.device) -> Loaded:
        """The weights in the dtype that is computed in: whole on every rank, or spread over all as in training.

        What is spread is loaded by the first rank alone, into the host's memory.
        """
        dtype, ranks = compute_dtype(trainer), Ranks(trainer)
        if trainer.strategy != "fsdp" or ranks.size == 1:
            return self.load(dtype)
        model, tokenizer = self.load(dtype) if ranks.first else (self.skeleton(dtype), self.tokenizer())
        cast_weights(model, getattr(torch, dtype))  # merged adapters are in float32
        shard_to_measure(model, trainer, device)
        return model, tokenizer


def first_weights(store: Store, point: Point, run_point: Callable[[Point], str]) -> Path | None:
    """The weights of the point that comes before, which `run_point` runs where it is not complete yet."""
    first = point.first
    if first is None:
        return None
    run_of(store, first, run_point)
    weights = _kept_weights(store, store.experiment(first.config.study), first.weights)
    if weights is None:
        raise FathomError(
            f"{first.name} is complete, but its weights were not kept: delete its run in study {first.config.study} "
            "(mlflow runs delete --run-id …) and run the command again"
        )
    return weights


def left_by(store: Store, base: Base, run_id: str) -> Start:
    """The weights that a run left. Adapters stand on those that they were trained on.

    Raises FathomError where the run kept none, or where those that it started from are not there any more.
    """
    run = store.client.get_run(run_id)
    weights = _kept_weights(store, run.info.experiment_id, run.data.tags.get(tag.WEIGHTS, run_id), run_id)
    if weights is None:
        raise FathomError(f"run_id: {run_id} kept no weights: delete it and run its command again with save=auto")
    return Start(_start_of(store, base, run_id) if is_adapter(weights) else base, weights)


def _start_of(store: Store, base: Base, run_id: str) -> Start:
    run = store.client.get_run(run_id)
    before = run.data.params.get("first", "0")
    if before.split()[0] == "0":
        return Start(base, None)
    weights = _kept_weights(store, run.info.experiment_id, run.data.tags.get(tag.FIRST, ""))
    if weights is None:
        raise FathomError(
            f"run_id: {run_id} was trained after {before}, whose run is not in its study any more; "
            "run the command that made it again, with save=auto"
        )
    return Start(base, weights)


def _kept_weights(store: Store, experiment: str, key: str, run_id: str | None = None) -> Path | None:
    """The directory of the weights with a key, copied here once from the run, or from another complete one."""
    weights = store.root / "exports" / key
    with key_lock(store, f"{key}.weights", f"the weights {key}"):
        others = [run.run_id for run in runs_with(store, [experiment], tag.WEIGHTS, key)] if key else []
        return weights if fetch(store, [run_id, *others] if run_id else others, WEIGHTS, weights) else None


def run_of(store: Store, point: Point, run_point: Callable[[Point], str]) -> str:
    """The complete run of a point that another one needs; `run_point` runs it where it is not complete yet.

    Raises FathomError where it would have to be trained on several devices: each starts the whole command anew.
    """
    complete = complete_run(runs_of_key(store, store.experiment(point.config.study), point.key), point.key)
    if complete is None and point.config.trainer.ranks > 1:
        raise FathomError(
            f"trainer.devices: with {point.config.trainer.ranks} run {point.name} as a point of its own before "
            f"(study={point.config.study}, save=auto)"
        )
    return complete.info.run_id if complete else run_point(point)
