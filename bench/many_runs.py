"""Does a study of thousands of points stay quick?

    python bench/many_runs.py [--runs=10000] [--points=1000] [--server]

One tiny point is run. A study on SQLite then holds it so many times, each time under another seed or n and with its own
key, as if each had been run. Two times are printed:

- listing what is left to do of the study, as a sweep does it before its first point;
- a sweep of so many of the points, all of which are complete: from the command to the sentence that says so, and to its
  end. Beside them, the time of the same sweep of one point: what of it is Python's start and not the points'.

With --server the study is listed through MLflow's server with PostgreSQL as well: on a machine that has never read it,
again, and again after ten of its runs have been deleted.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, product
from pathlib import Path

import psycopg
from chaos import POINT
from hydra import compose, initialize_config_dir

from src.config.check import check
from src.config.train import TrainConfig
from src.points.point import identify
from src.tracking import tags as tag
from src.tracking.query import points
from src.tracking.store import open_store
from src.tracking.sweeps import begun
from tests.tracking.postgres import cluster
from tests.tracking.server import free_port, server

REPOSITORY = Path(__file__).resolve().parents[1]
STUDY = "many"
SIZES = (4, 6, 9, 12, 16, 20, 25, 32, 40, 50)
BY_RUN = ("params", "tags", "latest_metrics", "metrics")  # MLflow's tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--server", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "mlruns"
        options = [*POINT, f"study={STUDY}", "recipe.steps=4", f"tracking.root={root}"]
        one = seconds_of_sweep([*options, f"n_examples={SIZES[0]}", "seed=0"], folder)  # which runs it
        one = seconds_of_sweep([*options, f"n_examples={SIZES[0]}", "seed=0"], folder)
        multiply(root, options, asked.runs, asked.points)

        store = open_store(None, root)
        began = time.perf_counter()
        complete, started = points(store, STUDY), begun(store, STUDY)
        listed = time.perf_counter() - began
        assert (len(complete), len(started)) == (asked.runs, 0)
        print(f"listing what is left to do of {asked.runs:,} runs: {listed:.1f} s")

        seeds = ",".join(map(str, range(asked.points // len(SIZES))))
        sweep = [*options, f"n_examples={','.join(map(str, SIZES))}", f"seed={seeds}"]
        many = seconds_of_sweep(sweep, folder)
        for points_of, (said, ended) in {asked.points: many, 1: one}.items():
            print(f"a sweep of {points_of:,} complete points: says so after {said:.1f} s, ends after {ended:.1f} s")
        if asked.server:
            list_through_a_server(root)


def list_through_a_server(root: Path) -> None:
    """The study of the SQLite file under `root`, in a PostgreSQL server behind MLflow's."""
    with cluster() as postgres:
        backend = f"{postgres.uri}/postgres"
        subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", backend], check=True, capture_output=True)
        into_postgres(root / "mlflow.db", backend)
        with server(free_port(), root, backend) as uri:
            first = f"{uri}/api/2.0/mlflow/experiments/search?max_results=1"
            urllib.request.urlopen(first, timeout=120).close()  # at which MLflow imports what it keeps runs with
            store = open_store(uri, root / "client")
            experiment = store.experiment(STUDY)

            def listed(what: str) -> None:
                began = time.perf_counter()
                complete, started = points(store, STUDY), begun(store, STUDY)
                print(f"through the server, {what}: {time.perf_counter() - began:.1f} s, {len(complete):,} complete")
                assert not started

            listed("never read before")
            listed("again")
            for run in store.client.search_runs([experiment], "tags.`fathom.kind` = 'finetune'", max_results=10):
                store.client.delete_run(run.info.run_id)
            listed("after ten were deleted")
            listed("again")


def into_postgres(file: Path, backend: str) -> None:
    """Copy an SQLite store's studies into the empty tables of a PostgreSQL store."""
    with closing(sqlite3.connect(file)) as source, psycopg.connect(backend) as target, target.cursor() as cursor:
        cursor.execute("DELETE FROM experiments")
        for table in ("experiments", "runs", *BY_RUN):
            columns = list(columns_of(source, table))
            flags = [column in ("is_nan", "is_default") for column in columns]
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as rows:
                for row in source.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                    rows.write_row([bool(x) if flag else x for x, flag in zip(row, flags, strict=True)])
        cursor.execute("ANALYZE")


def seconds_of_sweep(overrides: list[str], folder: str) -> tuple[float, float]:
    """From the command to the sentence that says what is complete, and to its end."""
    command = [sys.executable, "src/train.py", "-m", *overrides, f"hydra.sweep.dir={folder}/multirun"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True) as sweep:
        assert sweep.stdout is not None
        said = next((time.perf_counter() - began for line in sweep.stdout if "complete already" in line), None)
        sweep.stdout.read()
    assert sweep.returncode == 0 and said is not None, "the sweep failed"
    return said, time.perf_counter() - began


def multiply(root: Path, options: list[str], runs: int, asked_for: int) -> None:
    """Copy the study's one point until there are `runs`; the first `asked_for` have the keys that a sweep asks for."""
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = check(compose("train", [*options, f"n_examples={SIZES[0]}", "seed=0"]), TrainConfig)
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        ((template,),) = database.execute(
            "SELECT run_uuid FROM tags WHERE key = ? AND value = 'finetune'", (tag.KIND,)
        ).fetchall()
        for number, (seed, n) in enumerate(islice(product(range(runs), SIZES), 1, runs), start=1):
            if number < asked_for:
                key = identify(config.model_copy(update={"n_examples": n, "seed": seed})).key
            else:
                key = uuid.uuid4().hex
            of_run = uuid.uuid4().hex
            for table in ("runs", *BY_RUN):
                copy(database, table, template, of_run)
            for table, name, value in [("tags", tag.KEY, key), ("params", "n_examples", n), ("params", "seed", seed)]:
                database.execute(
                    f"UPDATE {table} SET value = ? WHERE run_uuid = ? AND key = ?", (str(value), of_run, name)
                )


def copy(database: sqlite3.Connection, table: str, template: str, of_run: str) -> None:
    """Copy what a table has of a run, for another one."""
    columns = list(columns_of(database, table))
    values = ", ".join("?" if column == "run_uuid" else column for column in columns)
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE run_uuid = ?",
        (of_run, template),
    )


def columns_of(database: sqlite3.Connection, table: str) -> Iterator[str]:
    return (name for _, name, *_ in database.execute(f"PRAGMA table_info({table})"))


if __name__ == "__main__":
    main()
