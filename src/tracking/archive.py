"""A study as one file: its complete runs and their parents with everything that MLflow holds of them.

A zip with `study.json` and, of each run, `<run id>/run.json` and `<run id>/artifacts/`. Importing makes new runs, since
MLflow chooses ids itself, and puts the new ids where a tag named an old one. Keys, params, metric histories, times and
inputs stay as they were. A run whose key the store has already is left as it is there.
"""

import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.ownership import complete_run, key_lock, runs_of_key, set_tags
from src.tracking.store import Store

FORMAT = 1
METRICS_PER_REQUEST, PARAMS_PER_REQUEST = 1000, 100
LEFT_BEHIND = {tag.OWNER, tag.HEARTBEAT}  # of the process that is gone
OF_DATASET = ("name", "digest", "source_type", "source", "schema", "profile")


def export_study(store: Store, study: str, to: Path, on_run: Callable[[str], None]) -> int:
    """Write the study's complete runs and sweeps to the file `to`, whole or not at all; returns how many.

    `on_run` is called with each run's name. Raises FathomError for a study that does not exist or has no complete run.
    """
    experiment = store.client.get_experiment_by_name(study)
    runs = [] if experiment is None else [run for run in store.runs([experiment.experiment_id]) if _kept(run)]
    if experiment is None or not any(tag.COMPLETE in run.data.tags for run in runs):
        raise FathomError(
            f"study {study} has no complete run to export: is tracking.root or tracking.uri the right one?"
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    unfinished = to.with_name(to.name + ".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            on_run(run.info.run_name)
            archive.writestr(f"{run.info.run_id}/run.json", json.dumps(_described(store, run)))
            with tempfile.TemporaryDirectory() as scratch:
                if store.client.list_artifacts(run.info.run_id):
                    got = Path(store.client.download_artifacts(run.info.run_id, "", scratch))
                    for file in sorted(path for path in got.rglob("*") if path.is_file()):
                        archive.write(file, f"{run.info.run_id}/artifacts/{file.relative_to(got).as_posix()}")
        described = {"format": FORMAT, "study": study, "runs": [run.info.run_id for run in runs]}
        archive.writestr("study.json", json.dumps(described))
    unfinished.replace(to)
    return len(runs)


def import_study(store: Store, file: Path, on_run: Callable[[str], None]) -> tuple[str, int, int]:
    """Bring an archive's runs into the store. Returns the study, how many runs were new and how many were there.

    Interrupted, the same call goes on: what it had begun is begun again. Raises FathomError for a file that is none.
    """
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
            described = json.loads(archive.read("study.json"))
            if described["format"] != FORMAT:
                raise FathomError(f"{file}: an archive of format {described['format']}; this version reads {FORMAT}")
            runs = {old: json.loads(archive.read(f"{old}/run.json")) for old in described["runs"]}
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
        except (OSError, zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError) as error:
            raise FathomError(
                f"from: {file} is no whole archive of src/export.py ({error}): export or copy it again"
            ) from error
        return (described["study"], *_import(store, described["study"], archive, runs, on_run))


def _import(
    store: Store,
    study: str,
    archive: zipfile.ZipFile,
    runs: Mapping[str, dict[str, Any]],
    on_run: Callable[[str], None],
) -> tuple[int, int]:
    experiment = store.experiment(study)
    new_ids: dict[str, str] = {}
    made = 0
    # Parents first: their children's tags name them.
    for old, run in sorted(runs.items(), key=lambda item: (tag.PARENT in item[1]["tags"], item[1]["started"])):
        on_run(run["name"])
        key = run["tags"][tag.KEY]
        with key_lock(store, key, run["name"]):
            there = runs_of_key(store, experiment, key)
            complete = complete_run(there, key)
            begun = [same for same in there if same.data.tags.get(tag.IMPORTED_FROM) == old]
            if complete is None and run["tags"][tag.KIND] == "sweep":
                complete = next((same for same in there if same not in begun), None)
            if complete is not None:
                new_ids[old] = complete.info.run_id
                continue
            for half in begun:
                store.client.delete_run(half.info.run_id)
            new_ids[old] = _make(store, experiment, archive, old, run, new_ids)
            made += 1
    return made, len(runs) - made


def _make(
    store: Store,
    experiment: str,
    archive: zipfile.ZipFile,
    old: str,
    run: Mapping[str, Any],
    new_ids: Mapping[str, str],
) -> str:
    """The run in the store; that it is complete is written last."""
    tags = {name: " ".join(new_ids.get(word, word) for word in value.split(" ")) for name, value in run["tags"].items()}
    last = {tag.COMPLETE: tags.pop(tag.COMPLETE)} if tag.COMPLETE in tags else {}
    # Without run_name: the name is one of the tags, and may hold a run's id as well.
    made = store.client.create_run(experiment, start_time=run["started"], tags={**tags, tag.IMPORTED_FROM: old})
    id_ = made.info.run_id
    params = [Param(name, value) for name, value in run["params"].items()]
    for start in range(0, len(params), PARAMS_PER_REQUEST):
        store.client.log_batch(id_, params=params[start : start + PARAMS_PER_REQUEST])
    metrics = [Metric(*each) for each in run["metrics"]]
    for start in range(0, len(metrics), METRICS_PER_REQUEST):
        store.client.log_batch(id_, metrics=metrics[start : start + METRICS_PER_REQUEST])
    for given in run["inputs"]:
        tagged = [InputTag(name, value) for name, value in given["tags"].items()]
        store.client.log_inputs(id_, datasets=[DatasetInput(Dataset(**given["dataset"]), tagged)])
    with tempfile.TemporaryDirectory() as scratch:
        folder = f"{old}/artifacts/"
        # extractall keeps to its folder whatever an archive's names say.
        archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(folder)])
        if Path(scratch, folder).exists():
            store.client.log_artifacts(id_, str(Path(scratch, folder)))
    set_tags(store, id_, last)
    store.client.set_terminated(id_, run["status"], run["ended"])
    return id_


def _kept(run: Run) -> bool:
    """An unfinished run goes on only where its work lies."""
    return tag.KEY in run.data.tags and (tag.COMPLETE in run.data.tags or run.data.tags.get(tag.KIND) == "sweep")


def _described(store: Store, run: Run) -> dict[str, Any]:
    metrics = [
        (m.key, m.value, m.timestamp, m.step)
        for name in sorted(run.data.metrics)
        for m in store.client.get_metric_history(run.info.run_id, name)
    ]
    inputs = [
        {
            "dataset": {field: getattr(of.dataset, field) for field in OF_DATASET},
            "tags": {each.key: each.value for each in of.tags},
        }
        for of in (run.inputs.dataset_inputs if run.inputs else [])
    ]
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "started": run.info.start_time,
        "ended": run.info.end_time,
        "tags": {name: value for name, value in run.data.tags.items() if name not in LEFT_BEHIND},
        "params": dict(run.data.params),
        "metrics": metrics,
        "inputs": inputs,
    }
