"""Where a point's weights start: at the base, or at what an earlier point of the same study left."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.errors import FathomError
from src.tasks.bases import Base
from src.tasks.export import load_export
from src.tasks.point import Point
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
    """The weights of the point that comes before, which `run_point` runs where it is not complete yet.

    Raises FathomError where it would have to be trained on several devices: each starts the whole command anew.
    """
    first = point.first
    if first is None:
        return None
    complete = complete_run(runs_of_key(store, store.experiment(first.config.study), first.key), first.key)
    if complete is None and first.config.trainer.devices > 1:
        raise FathomError(
            f"first: with trainer.devices={first.config.trainer.devices} run {first.name} as a point of its own before "
            f"(study={first.config.study}, tracking.save_model=true)"
        )
    run_id = complete.info.run_id if complete else run_point(first)
    weights = store.root / "exports" / run_id
    with key_lock(store, f"{first.key}.weights", f"the weights of {first.name}"):
        if not weights.exists():
            download(store, run_id, "model", weights)
    return weights
