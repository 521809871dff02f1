import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from mlflow import MlflowClient

from src.errors import FathomError, OutOfReach
from src.tracking import tags as tag
from src.tracking.client import PatientClient
from src.tracking.query import _rows_from_api, _rows_from_database, fetch, points, predictions, studies
from src.tracking.runs import claim
from src.tracking.store import Store

PLACE = {"model": "tiny_llama3-s", "benchmark": "arithmetic", "method": "full", "recipe": "tiny"}


def point(store: Store, key: str, n: int, seed: int = 0, metrics: dict[str, float] | None = None) -> str:
    """A complete point."""
    params = {**PLACE, "n_examples": n, "seed": seed, "lr": 0.001}
    with claim(store, key=key, kind="finetune", name=f"n={n}", study="s", params=params) as run:
        run.complete(metrics or {"eval/accuracy": 0.5})
    return run.id


def copies(store: Store, run_id: str, times: int, extra_params: int, extra_metrics: int) -> None:
    """Complete runs with other keys, written straight into the database: a thousand claims would take minutes."""
    assert store.database is not None
    with closing(sqlite3.connect(store.database)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        row = dict(
            zip(columns, connection.execute("SELECT * FROM runs WHERE run_uuid = ?", [run_id]).fetchone(), strict=True)
        )
        for i in range(times):
            new = {**row, "run_uuid": f"{i:032x}"}
            connection.execute(f"INSERT INTO runs VALUES ({','.join('?' * len(new))})", list(new.values()))
        new_ids = [f"{i:032x}" for i in range(times)]
        tags = {tag.KIND: "finetune", tag.COMPLETE: "true"}
        insert_tag = "INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)"
        connection.executemany(insert_tag, [(id, name, value) for id in new_ids for name, value in tags.items()])
        connection.executemany(insert_tag, [(id, tag.KEY, f"k{id}") for id in new_ids])
        params = {**PLACE, "n_examples": "10", **{f"p{j}": str(j) for j in range(extra_params)}}
        insert_param = "INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)"
        connection.executemany(insert_param, [(id, name, value) for id in new_ids for name, value in params.items()])
        connection.executemany(insert_param, [(id, "seed", str(i)) for i, id in enumerate(new_ids)])
        connection.executemany(
            "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, 1, 0, 0)",
            [(id, f"m{j}", j / 7) for id in new_ids for j in range(extra_metrics)],
        )
        connection.commit()


def test_only_complete_finetune_points_in_order(store: Store) -> None:
    second = point(store, "b", 100)
    first = point(store, "a", 10, metrics={"eval/accuracy": 0.25, "eval/nll": math.inf})
    with pytest.raises(ValueError, match="boom"), claim(store, key="c", kind="finetune", name="c", study="s"):
        raise ValueError("boom")
    with claim(store, key="d", kind="evaluate", name="d", study="s") as run:
        run.complete()
    store.client.create_run(store.experiment("s"), tags={tag.KIND: "finetune", tag.KEY: "e"})

    found = points(store, "s")

    assert [(p.run_id, p.key, p.n_examples, p.seed) for p in found] == [(first, "a", 10, 0), (second, "b", 100, 0)]
    assert (found[0].model, found[0].benchmark, found[0].method, found[0].recipe) == tuple(PLACE.values())
    assert found[0].params["lr"] == "0.001"
    assert found[0].metrics == {"eval/accuracy": 0.25, "eval/nll": math.inf}


def test_database_and_api_read_the_same(store: Store) -> None:
    point(store, "a", 10, metrics={"x": math.nan, "y": -math.inf, "z": 1 / 3})
    point(store, "b", 10, seed=1)
    assert store.database is not None
    fast = _rows_from_database(store.database, store.experiment("s"))
    slow = list(_rows_from_api(store, store.experiment("s")))

    def comparable(rows: list[Any]) -> list[str]:
        return sorted(f"{r.run_id} {r.key} {sorted(r.params.items())} {sorted(r.metrics.items())}" for r in rows)

    assert comparable(fast) == comparable(slow)
    assert len(fast) == 2


def test_more_points_than_a_page(store: Store) -> None:
    run_id = point(store, "a", 10, seed=999_999)
    copies(store, run_id, 1_050, extra_params=0, extra_metrics=1)
    assert len(points(store, "s")) == 1_051
    assert len(list(_rows_from_api(store, store.experiment("s")))) == 1_051


def test_last_value_of_a_step_logged_twice(store: Store) -> None:
    params = {**PLACE, "n_examples": 10, "seed": 0}
    with (
        pytest.raises(KeyboardInterrupt),
        claim(store, key="a", kind="finetune", name="a", study="s", params=params) as run,
    ):
        for step, loss in enumerate([3.0, 2.0, 9.0]):
            run.log_metrics({"train/loss": loss}, step)
        raise KeyboardInterrupt
    with claim(store, key="a", kind="finetune", name="a", study="s", params=params) as run:
        run.log_metrics({"train/loss": 1.0}, 2)
        run.complete()
    assert points(store, "s")[0].metrics["train/loss"] == 1.0


def test_two_complete_runs_of_a_key_are_refused(store: Store) -> None:
    first = point(store, "a", 10)
    other = store.client.create_run(
        store.experiment("s"), tags={tag.KIND: "finetune", tag.KEY: "a", tag.COMPLETE: "true"}
    )
    with pytest.raises(FathomError) as refused:
        points(store, "s")
    assert first in str(refused.value)
    assert other.info.run_id in str(refused.value)
    assert "delete one" in str(refused.value)
    with pytest.raises(FathomError, match="more than one complete run"):
        point(store, "a", 10)


def test_unknown_study_lists_those_there_are(store: Store) -> None:
    with pytest.raises(FathomError, match="no study demo; studies: none yet"):
        points(store, "demo")
    point(store, "a", 10)
    store.experiment("second study")
    with pytest.raises(FathomError, match="no study demo; studies: s, second study"):
        points(store, "demo")
    assert studies(store) == ["s", "second study"]


def test_point_without_its_place_is_named(store: Store) -> None:
    with claim(store, key="a", kind="finetune", name="a", study="s", params={"model": "m"}) as run:
        run.complete()
    with pytest.raises(FathomError, match=rf"run {run.id} .* param 'benchmark'"):
        points(store, "s")


def test_point_whose_place_is_no_number_is_named(store: Store) -> None:
    params = {**PLACE, "n_examples": "many", "seed": 0}
    with claim(store, key="a", kind="finetune", name="a", study="s", params=params) as run:
        run.complete()
    with pytest.raises(FathomError, match=rf"run {run.id} .* n_examples 'many' and seed '0', which must be whole"):
        points(store, "s")


def test_predictions_come_back_as_they_went_in(store: Store) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "2+2?\n", "completion": "#### 4 é ✓", "extracted": "4", "score": 1.0, "error": None},
        {"prompt": "3+3?", "completion": '"', "extracted": None, "score": 0.1 + 0.2, "error": "format"},
    ]
    with claim(store, key="a", kind="finetune", name="a", study="s") as run:
        run.log_table("predictions", rows)
        run.complete()
    assert predictions(store, run.id) == rows
    with pytest.raises(FathomError, match=rf"run {run.id} has no other\.json"):
        predictions(store, run.id, "other")


def test_a_store_that_is_away_is_not_one_that_has_nothing(store: Store, tmp_path: Path) -> None:
    class Away(MlflowClient):
        def away(self, *_: Any, **__: Any) -> Any:
            raise requests.ConnectionError("Connection refused")

        get_run = download_artifacts = away

    client = cast(MlflowClient, PatientClient(Away(tracking_uri=store.uri), store.uri, store.root, 0.0))
    run_id = point(store, "k", 10)
    assert fetch(store, [run_id], "model", tmp_path / "model") is None
    with pytest.raises(OutOfReach):
        fetch(replace(store, client=client), [run_id], "model", tmp_path / "model")
