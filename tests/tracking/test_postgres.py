"""Against a real PostgreSQL server, which several hosts can share without a tracking server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from src.tracking import tags as tag
from src.tracking.query import points, studies
from src.tracking.runs import claim
from src.tracking.store import open_store
from tests.tracking.postgres import binaries, cluster
from tests.tracking.test_server import ANOTHER_HOST

REPOSITORY = Path(__file__).parents[2]
PLACE = {"model": "m", "benchmark": "b", "method": "full", "recipe": "r", "seed": 0}
AT_WORK = """
import sys, time
from pathlib import Path
from src.tracking.runs import claim
from src.tracking.store import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]), 0.1)
with claim(store, key=sys.argv[3], kind="finetune", name="p", study="s") as run:
    for step in range(20):
        run.log_metrics({"train/loss": 1.0}, step)
        time.sleep(0.05)
    print("at work", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    if binaries() is None:
        told = "PostgreSQL's programs are not on this machine: apt-get install postgresql"
        if os.environ.get("FATHOM_CI"):
            pytest.fail(told)
        pytest.skip(told)
    with cluster() as made:
        yield made.uri


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> str:
    """The URI of a database of the test's own."""
    name = request.node.name.replace("[", "_").replace("]", "")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    return f"{server}/{name}"


def test_a_key_is_claimed_once_by_hosts_that_start_together(
    database: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    open_store(database, tmp_path / "first")  # makes the tables
    hosts = [start(ANOTHER_HOST, database, tmp_path / f"host{i}", f"host{i}") for i in range(3)]
    answers = []
    for host in hosts:
        output, errors = host.communicate(timeout=120)
        assert host.returncode == 0, errors
        answers.append(output.split())
    assert len({run_id for run_id, _ in answers}) == 1
    assert sorted(complete for _, complete in answers) == ["False", "True", "True"]


def test_a_point_whose_process_was_killed_goes_on_and_its_metrics_are_there(
    database: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    store = open_store(database, tmp_path)
    process = start(AT_WORK, database, tmp_path, "k")
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with claim(store, key="k", kind="finetune", name="p", study="s", params={**PLACE, "n_examples": 10}) as run:
        assert run.resumed
        run.complete({"eval/accuracy": 1.0})
    assert [step.step for step in store.client.get_metric_history(run.id, "train/loss")] == list(range(20))
    (point,) = points(store, "s")
    assert (point.run_id, point.metrics["eval/accuracy"]) == (run.id, 1.0)
    assert store.client.get_run(run.id).data.tags[tag.COMPLETE] == "true"


def test_a_worker_keeps_one_connection(
    database: str, server: str, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    open_store(database, tmp_path)
    workers = [start(AT_WORK, database, tmp_path, f"k{i}") for i in range(3)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "at work\n"
    name = database.rpartition("/")[2]
    with psycopg.connect(f"{server}/postgres") as connection:
        of = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        held = []
        for _ in range(20):
            answer = connection.execute(of, (name,)).fetchone()
            assert answer is not None
            held.append(answer[0])
            connection.rollback()  # within a transaction the server shows one picture
            time.sleep(0.1)
    assert len(workers) < min(held) <= len(workers) + 1  # this process has opened the store too


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(database: str, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "src/train.py", "-m", "experiment=smoke", "study=killed", "model.init=random"),
        *(f"tracking.uri={database}", f"tracking.root={tmp_path}/root", f"hydra.sweep.dir={tmp_path}/sweep"),
    ]
    sweep = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, stdout=subprocess.DEVNULL)
    store = open_store(database, tmp_path / "root")
    while sweep.poll() is None and ("killed" not in studies(store) or not points(store, "killed")):
        time.sleep(0.2)
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.wait()
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [point.n_examples for point in points(store, "killed")] == [0, 10, 32]
    runs = store.client.search_runs([store.experiment("killed")], f"tags.`{tag.KIND}` = 'finetune'")
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
