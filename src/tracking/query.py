"""Reading a study back: its complete points, one per key, and their predictions."""

import json
import math
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from src.errors import FathomError, OutOfReach
from src.tracking import tags as tag
from src.tracking.local_artifacts import artifact_directory, link
from src.tracking.relocation import local_path
from src.tracking.rows import COMPLETE_POINTS, Row, remembered_rows
from src.tracking.secrets import redact
from src.tracking.store import ITEMS, PAGE, Store

PREDICTIONS = "predictions"
DOWNLOADS = 16  # at once


@dataclass(frozen=True)
class PointRecord:
    """A complete finetuning run. `params` holds all its params as text, `metrics` the last value of each metric.

    `items` has, where they were asked for and kept, those metrics that are means over test items by item: shape
    (items,). `artifacts` is the URI of its artifacts.
    """

    run_id: str
    key: str
    model: str
    benchmark: str
    method: str
    recipe: str
    n_examples: int
    seed: int
    ended: int  # ms since 1970
    params: dict[str, str]
    metrics: dict[str, float]
    artifacts: str = ""
    study: str = ""
    items: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)


def points(store: Store, study: str, with_items: bool = False) -> list[PointRecord]:
    """The complete points of a study, by model, benchmark, method, recipe, n_examples and seed.

    Failed, interrupted and half-written runs are left out. Raises FathomError for a study that does not exist, for two
    complete runs of one key, and for a run without the params that place it on a curve.
    """
    experiment = _experiment(store, study)
    rows = _rows(store, experiment)
    first: dict[str, str] = {}
    for row in rows:
        if row.key in first:
            raise FathomError(
                f"study {study} has two complete runs of key {row.key}: {first[row.key]} and {row.run_id}; "
                "delete one of them (mlflow runs delete --run-id …)"
            )
        first[row.key] = row.run_id
    records = [point_of(row, study) for row in rows]
    if with_items:
        records = _with_items(store, records)
    return sorted(records, key=place)


def points_with(store: Store, study: str, keys: Iterable[str]) -> list[PointRecord]:
    """Those of a study's points with these keys that are complete: a request each, and no reading of all others."""
    experiment = store.experiment(study)
    rows = (row for key in keys for row in _rows_from_api(store, experiment, f" and tags.`{tag.KEY}` = '{key}'"))
    return [point_of(row, study) for row in rows]


def place(point: PointRecord) -> tuple[str | int, ...]:
    """What points are sorted by."""
    return point.model, point.benchmark, point.method, point.recipe, point.n_examples, point.seed, point.key


def studies(store: Store) -> list[str]:
    """The names of all studies."""
    return sorted(name for _, name in _experiments(store))


def download(store: Store, run_id: str, artifact: str, to: Path) -> None:
    """Have an artifact (a file or a directory) of a run at the path `to`, which is there only once it is whole.

    To be read alone: of artifacts on this machine its files are links.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".download-") as scratch:
        try:
            kept = artifact_directory(store.client, run_id)
            if kept is None:
                got = Path(store.client.download_artifacts(run_id, artifact, scratch))
            else:
                got = Path(scratch, "whole")
                link(kept / artifact, got)
        except (MlflowException, OSError) as error:
            raise FathomError(
                f"run {run_id} has no artifact {artifact}: was it kept, and is its directory there?"
            ) from error
        got.replace(to)


@dataclass(frozen=True)
class Kept:
    """A complete run that holds a key of one of its stages in a tag."""

    run_id: str
    kind: str
    tags: dict[str, str]
    metrics: dict[str, float]


def runs_with(store: Store, experiments: Sequence[str], tag_name: str, key: str) -> list[Kept]:
    """The complete runs in these experiments whose tag holds the key, alone or among others; the newest first."""
    wanted = f"tags.`{tag_name}` LIKE '%{key}%' and tags.`{tag.COMPLETE}` = 'true'"
    found = store.client.search_runs(list(experiments), filter_string=wanted, max_results=PAGE)
    newest_first = sorted(found, key=lambda run: run.info.end_time or 0, reverse=True)
    return [Kept(run.info.run_id, run.data.tags[tag.KIND], run.data.tags, run.data.metrics) for run in newest_first]


def fetch(store: Store, run_ids: Iterable[str], artifact: str, to: Path) -> str | None:
    """The first of the runs that kept the artifact, which is copied to the path `to` unless it is there already."""
    for run_id in run_ids:
        try:
            if not to.exists():
                download(store, run_id, artifact, to)
        except OutOfReach:
            raise  # it may be there
        except FathomError:
            continue
        return run_id
    return None


def find_run(store: Store, run_id: str) -> Run:
    """The run with this id, or the one that was imported from it. Raises FathomError where there is neither."""
    try:
        return store.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    experiments = [experiment for experiment, _ in _experiments(store)]
    found = list(store.runs(experiments, f"tags.`{tag.IMPORTED_FROM}` = '{run_id}'")) if run_id.isalnum() else []
    if not found:
        raise FathomError(
            f"run_id: there is no run {run_id} in {redact(store.uri)}: copy it from MLflow, and check tracking.root or "
            "tracking.uri"
        )
    return found[0]


def read_json(store: Store, run_id: str, artifact: str) -> Any:
    """A JSON artifact of a run. Raises FathomError if the run has no such artifact."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            path = Path(store.client.download_artifacts(run_id, artifact, scratch))
        except (MlflowException, OSError) as error:
            raise FathomError(f"run {run_id} has no {artifact}: was its artifact directory removed?") from error
        return json.loads(path.read_text(encoding="utf-8"))


def predictions(store: Store, run_id: str, table: str = PREDICTIONS) -> list[dict[str, Any]]:
    """The rows of a run's table artifact. Raises FathomError if the run has no such table."""
    content = read_json(store, run_id, f"{table}.json")
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def _with_items(store: Store, records: Sequence[PointRecord]) -> list[PointRecord]:
    """The records with their per-item values; a run that kept none, as one of an older version, has none."""
    with ThreadPoolExecutor(DOWNLOADS) as pool:  # for stores behind a server; files are read faster than told to
        items = pool.map(lambda record: _items(store, record), records)
        return [replace(record, items=of) for record, of in zip(records, items, strict=True)]


def _items(store: Store, record: PointRecord) -> Mapping[str, np.ndarray]:
    if record.artifacts.startswith("file:"):
        file = local_path(record.artifacts) / ITEMS
        return safetensors.numpy.load(file.read_bytes()) if file.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            got = store.client.download_artifacts(record.run_id, ITEMS, scratch)
        except (MlflowException, OSError):
            return {}
        return safetensors.numpy.load(Path(got).read_bytes())


def point_of(row: Row, study: str, items: Mapping[str, np.ndarray] | None = None) -> PointRecord:
    """A study's row. Raises FathomError where params that place it on a curve are missing or no numbers.

    A base on its own (n = 0) has neither seed nor method nor recipe.
    """
    params = ({"method": "", "recipe": "", "seed": "0"} if row.params.get("n_examples") == "0" else {}) | row.params
    try:
        return PointRecord(
            run_id=row.run_id,
            key=row.key,
            model=params["model"],
            benchmark=params["benchmark"],
            method=params["method"],
            recipe=params["recipe"],
            n_examples=int(params["n_examples"]),
            seed=int(params["seed"]),
            ended=row.ended,
            params=row.params,
            metrics=row.metrics,
            artifacts=row.artifacts,
            study=study,
            items=items or {},
        )
    except KeyError as missing:
        raise FathomError(
            f"run {row.run_id} is a complete point without the param {missing}: "
            "it was not written by this version; delete it or give it another study"
        ) from None
    except ValueError:
        raise FathomError(
            f"run {row.run_id} is a complete point with n_examples {params['n_examples']!r} and seed "
            f"{params['seed']!r}, which must be whole numbers: it was not written by this version; delete it or give "
            "it another study"
        ) from None


def _experiment(store: Store, study: str) -> str:
    for identifier, name in _experiments(store):
        if name == study:
            return identifier
    there_are = ", ".join(studies(store)) or "none yet: run src/train.py first"
    raise FathomError(f"there is no study {study}; studies: {there_are}")


def _experiments(store: Store) -> Iterator[tuple[str, str]]:
    token = None
    while True:
        page = store.client.search_experiments(max_results=PAGE, page_token=token)
        yield from ((e.experiment_id, e.name) for e in page if e.name != "Default")
        token = page.token
        if not token:
            return


def _rows(store: Store, experiment: str) -> list[Row]:
    if store.database is not None:
        try:
            return _rows_from_database(store.database, experiment)
        except sqlite3.OperationalError:
            pass  # another MLflow's tables
    return remembered_rows(store, experiment, lambda further: _rows_from_api(store, experiment, further))


def _rows_from_api(store: Store, experiment: str, further: str = "") -> Iterator[Row]:
    for run in store.runs([experiment], COMPLETE_POINTS + further):
        metrics = {name: _true_value(value) for name, value in run.data.metrics.items()}
        yield Row(
            run.info.run_id,
            run.data.tags[tag.KEY],
            run.info.end_time or 0,
            run.info.artifact_uri,
            dict(run.data.params),
            metrics,
        )


_POINTS = """
    SELECT runs.run_uuid AS id, key.value AS key, runs.end_time AS ended, runs.artifact_uri AS artifacts
    FROM runs
    JOIN tags AS key ON key.run_uuid = runs.run_uuid AND key.key = :key
    JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind.key = :kind AND kind.value = 'finetune'
    JOIN tags AS complete ON complete.run_uuid = runs.run_uuid AND complete.key = :complete AND complete.value = 'true'
    WHERE runs.experiment_id = :experiment AND runs.lifecycle_stage = 'active'
"""


def _rows_from_database(database: Path, experiment: str) -> list[Row]:
    """What the API gives, some forty times faster: 10,000 points in seconds."""
    names = {"key": tag.KEY, "kind": tag.KIND, "complete": tag.COMPLETE, "experiment": int(experiment)}
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("BEGIN")  # one snapshot for the three reads
        rows = {
            id_: Row(id_, key, ended or 0, artifacts, {}, {})
            for id_, key, ended, artifacts in connection.execute(_POINTS, names)
        }
        of_points = f"FROM {{}} JOIN ({_POINTS}) AS point ON point.id = run_uuid"
        for run_id, name, text in connection.execute(
            f"SELECT id, params.key, value {of_points.format('params')}", names
        ):
            rows[run_id].params[name] = text
        latest = f"SELECT id, latest_metrics.key, value, is_nan {of_points.format('latest_metrics')}"
        for run_id, name, value, is_nan in connection.execute(latest, names):
            rows[run_id].metrics[name] = math.nan if is_nan else _true_value(value)
    return list(rows.values())


def _true_value(value: float) -> float:
    """MLflow keeps an infinity as the largest float."""
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
