"""The parent run of a multirun, and the curves it holds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow.entities import Param

from src.tracking import tags as tag
from src.tracking.ownership import key_lock, runs_of_key, set_tags
from src.tracking.params import flat_params
from src.tracking.provenance import provenance
from src.tracking.store import Store


@dataclass(frozen=True)
class Sweep:
    """An open sweep; `id` is what its points' `claim` takes as `parent`."""

    store: Store
    id: str

    def log_curve(self, metric: str, curve: Iterable[tuple[int, float]]) -> None:
        """Bring the curve (n, value) into the metric `metric` whose step is n, so that MLflow's charts draw it.

        A value that is there already is not written again. One that has changed is written anew: MLflow forgets
        nothing, and its charts then show both, the newer one last.
        """
        history = self.store.client.get_metric_history(self.id, metric)
        held = {point.step: point.value for point in sorted(history, key=lambda point: point.timestamp)}
        for n, value in curve:
            if n not in held or not (held[n] == value or (math.isnan(held[n]) and math.isnan(value))):
                self.store.client.log_metric(self.id, metric, value, step=n)

    def log_dict(self, values: Mapping[str, Any], path: str) -> None:
        """A mapping as the artifact `path` (.json or .yaml), such as the sweep's frozen configs."""
        self.store.client.log_dict(self.id, dict(values), path)

    def close(self, status: str) -> None:
        """End as FINISHED, FAILED (a point failed) or KILLED."""
        if status == "FINISHED":
            set_tags(self.store, self.id, {tag.COMPLETE: "true"})
        self.store.client.set_terminated(self.id, status)


def open_sweep(store: Store, study: str, key: str, name: str, params: Mapping[str, Any] | None = None) -> Sweep:
    """The parent run of the sweep with this key, made or opened again. Any number of processes may open it at once."""
    experiment = store.experiment(study)
    new_tags = {**provenance(), tag.KIND: "sweep", tag.KEY: key}
    with key_lock(store, key, name):
        runs = runs_of_key(store, experiment, key)
        if runs:
            run = runs[0]
            store.client.update_run(run.info.run_id, status="RUNNING")
            if tag.COMPLETE in run.data.tags:
                store.client.delete_tag(run.info.run_id, tag.COMPLETE)
            set_tags(store, run.info.run_id, new_tags)
        else:
            run = store.client.create_run(experiment, run_name=name, tags=new_tags)
            flat = [Param(name, value) for name, value in flat_params(params or {}).items()]
            store.client.log_batch(run.info.run_id, params=flat)
    return Sweep(store, run.info.run_id)
