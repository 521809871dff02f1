"""Where a point's weights start: at the base, or at what an earlier point of the same study left."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.errors import FathomError
from src.points.base import Base
from src.points.export import load_export
from src.points.point import Point
from src.tracking.ownership import complete_run, key_lock, runs_of_key
from src.tracking.query import download
from src.tracking.store import Store


@dataclass(frozen=True)
class Start:
    """The base, and the directory of the weights that an earlier point made of it (None: the base itself)."""

    base: Base
    weights: Path | None

    def load(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        return self.base.load() if self.weights is None else load_export(self.base.load, self.weights)


def first_weights(store: Store, point: Point, run_point: Callable[[Point], str]) -> Path | None:
    """The weights of the point that comes before, which `run_point` runs where it is not complete yet."""
    first = point.first
    if first is None:
        return None
    run_id = run_of(store, first, run_point)
    weights = store.root / "exports" / run_id
    with key_lock(store, f"{first.key}.weights", f"the weights of {first.name}"):
        if not weights.exists():
            download(store, run_id, "model", weights)
    return weights


def run_of(store: Store, point: Point, run_point: Callable[[Point], str]) -> str:
    """The complete run of a point that another one needs; `run_point` runs it where it is not complete yet.

    Raises FathomError where it would have to be trained on several devices: each starts the whole command anew.
    """
    complete = complete_run(runs_of_key(store, store.experiment(point.config.study), point.key), point.key)
    if complete is None and point.config.trainer.devices > 1:
        raise FathomError(
            f"trainer.devices: with {point.config.trainer.devices} run {point.name} as a point of its own before "
            f"(study={point.config.study}, tracking.save_model=true)"
        )
    return complete.info.run_id if complete else run_point(point)
