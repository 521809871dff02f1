"""How far the points of a study are: what a sweep's view and src/status.py show."""

import math
import time
from collections.abc import Collection
from dataclasses import dataclass

from mlflow.entities import Run

from src.tracking import tags as tag
from src.tracking.ownership import DEAD_AFTER_SECONDS
from src.tracking.store import Store
from src.tracking.sweeps import all_runs

LOSS = "train/loss"  # or, of a trial, lr_<rate>/train/loss


@dataclass(frozen=True)
class PointState:
    """A point that was begun. `status`: complete, running, failed or interrupted (also: its owner died).

    `step` and `loss` are the newest that the store has; None before the first. `seconds` is what a complete point took.
    """

    key: str
    name: str
    status: str
    failure: str | None
    step: int | None
    loss: float | None
    since: float  # unix seconds
    seconds: float
    place: tuple[str, ...]
    n_examples: int


def point_states(store: Store, study: str, keys: Collection[str] | None = None, only: str = "") -> list[PointState]:
    """The begun points of a study (those of `keys`); `only` is a further condition in MLflow's filter language."""
    runs = all_runs(store, study, f"tags.`{tag.KIND}` = 'finetune'{only}")
    return [_state(run) for run in runs if keys is None or run.data.tags.get(tag.KEY) in keys]


RUNNING_ONLY = " and attributes.status = 'RUNNING'"


def _state(run: Run) -> PointState:
    tags, params = run.data.tags, run.data.params
    # In a record of MLflow's own, which tells the steps that its dictionary of values leaves out.
    losses = [m for m in run.data.to_proto().metrics if m.key == LOSS or m.key.endswith(f"/{LOSS}")]
    newest = max(losses, key=lambda metric: metric.timestamp, default=None)
    return PointState(
        key=tags[tag.KEY],
        name=run.info.run_name or run.info.run_id,
        status=_status(run),
        failure=tags.get(tag.FAILURE),
        step=newest.step if newest else None,
        loss=newest.value if newest else None,
        since=(run.info.start_time or 0) / 1000,
        seconds=math.fsum(value for name, value in run.data.metrics.items() if name.startswith("time/")),
        place=tuple(params.get(part, "") for part in ("model", "benchmark", "method", "recipe")),
        n_examples=int(params.get("n_examples", 0)),
    )


def _status(run: Run) -> str:
    if run.data.tags.get(tag.COMPLETE) == "true":
        return "complete"
    if run.info.status == "RUNNING":
        silent = time.time() - float(run.data.tags.get(tag.HEARTBEAT, 0))
        return "running" if silent < DEAD_AFTER_SECONDS else "interrupted"
    return "failed" if run.info.status == "FAILED" else "interrupted"
