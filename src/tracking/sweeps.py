"""The parent run of a multirun, and the curves it holds."""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlflow.entities import Param, Run

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.ownership import SETTLE_SECONDS, key_lock, make_run, new_owner, remove_tag, runs_of_key, set_tags
from src.tracking.params import flat_params
from src.tracking.provenance import provenance
from src.tracking.query import read_json
from src.tracking.runs import one_line
from src.tracking.store import Store

PLAN = "points.json"  # the artifact that says which points a sweep is made of

log = logging.getLogger(__name__)


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

    @property
    def at_once(self) -> "Sweep":
        """The same without patience: OutOfReach as soon as the store does not answer."""
        return Sweep(replace(self.store, client=self.store.at_once), self.id)

    def note(self, text: str) -> None:
        """The description that MLflow's page of the run shows."""
        set_tags(self.store, self.id, {"mlflow.note.content": text})

    def log_dict(self, values: Mapping[str, Any], path: str) -> None:
        """A mapping as the artifact `path` (.json or .yaml), such as the sweep's frozen configs."""
        self.store.client.log_dict(self.id, dict(values), path)

    def close(self, status: str) -> None:
        """End as FINISHED, FAILED (a point failed) or KILLED, which waits for no store that is away."""
        if status == "KILLED":
            try:
                self.at_once.store.client.set_terminated(self.id, status)
            except Exception as error:
                log.warning("run %s could not be marked KILLED: %s", self.id, one_line(error))
            return
        if status == "FINISHED":
            set_tags(self.store, self.id, {tag.COMPLETE: "true"})
        self.store.client.set_terminated(self.id, status)


def open_sweep(store: Store, study: str, key: str, name: str, params: Mapping[str, Any] | None = None) -> Sweep:
    """The parent run of the sweep with this key, made or opened again. Any number of processes may open it at once.

    Hosts that make it together keep the one that is first.
    """
    experiment = store.experiment(study)
    new_tags = {**provenance(), tag.KIND: "sweep", tag.KEY: key}
    with key_lock(store, key, name):
        runs = runs_of_key(store, experiment, key)
        if runs:
            run = runs[0]
            store.client.update_run(run.info.run_id, status="RUNNING")
            if tag.COMPLETE in run.data.tags:
                remove_tag(store, run.info.run_id, tag.COMPLETE)
            set_tags(store, run.info.run_id, new_tags)
        else:
            made = make_run(store, experiment, key, name, new_owner(), new_tags)
            if store.database is None:
                time.sleep(SETTLE_SECONDS)
            run = runs_of_key(store, experiment, key)[0]
            if run.info.run_id != made.info.run_id:
                store.client.delete_run(made.info.run_id)
            flat = [Param(name, value) for name, value in flat_params(params or {}).items()]
            store.client.log_batch(run.info.run_id, params=flat)
    return Sweep(store, run.info.run_id)


def begun(store: Store, study: str) -> set[str]:
    """The keys of the study's points that were begun and are not complete."""
    runs = all_runs(store, study, f"tags.`{tag.KIND}` = 'finetune' and attributes.status != 'FINISHED'")
    return {run.data.tags[tag.KEY] for run in runs if tag.COMPLETE not in run.data.tags}


def all_runs(store: Store, study: str, condition: str) -> list[Run]:
    """The runs of a study that MLflow's filter finds; none of a study that does not exist."""
    experiment = store.client.get_experiment_by_name(study)
    return [] if experiment is None else list(store.runs([experiment.experiment_id], condition))


@dataclass(frozen=True)
class Planned:
    """A point of a sweep, begun or not; `place` is (model, benchmark, method, recipe)."""

    name: str
    place: tuple[str, ...]
    n_examples: int


def newest_sweep(store: Store, study: str) -> tuple[Run, dict[str, Planned]]:
    """The study's sweep that was opened last, with its points by key. Raises FathomError where there is none."""
    sweeps = all_runs(store, study, f"tags.`{tag.KIND}` = 'sweep'")
    if not sweeps:
        raise FathomError(f"study {study} has no sweep in this store: check study and tracking.uri or tracking.root")
    newest = max(sweeps, key=lambda run: (run.info.status == "RUNNING", run.info.end_time or 0, run.info.start_time))
    plan = read_json(store, newest.info.run_id, PLAN)
    points = {key: Planned(of["name"], tuple(of["place"]), of["n_examples"]) for key, of in plan.items()}
    return newest, points
