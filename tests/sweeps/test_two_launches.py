"""One sweep, launched twice at the same time: no point is run twice, none is lost."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.tracking import tags as tag
from src.tracking.query import points
from src.tracking.store import Store, open_store
from tests.sweeps.test_sweep import ROOT, command
from tests.tracking.postgres import binaries, cluster
from tests.tracking.server import free_port, server

SWEEP = ["n_examples=4", "seed=0,1", "hydra.launcher.n_jobs=2"]
NAMED = "import os, socket\nsocket.gethostname = lambda: os.environ['FATHOM_TEST_HOST']\n"


@contextmanager
def shared(kind: str, folder: Path) -> Iterator[str]:
    """The URI of a store that hosts share."""
    if kind == "server":
        (folder / "server").mkdir()
        with server(free_port(), folder / "server") as uri:
            yield uri
    elif binaries() is None:
        pytest.skip("PostgreSQL's programs are not on this machine: apt-get install postgresql")
    else:
        with cluster() as database:
            yield f"{database.uri}/postgres"


def launched_on(host: str, folder: Path, uri: str) -> "subprocess.Popen[str]":
    """A machine of its own, as far as Fathom can see: it has another name and another root."""
    place = folder / host
    place.mkdir()
    (place / "sitecustomize.py").write_text(NAMED)
    environment = os.environ | {"FATHOM_TEST_HOST": host, "PYTHONPATH": f"{place}:{ROOT}"}
    arguments = command(place / "mlruns", *SWEEP, f"tracking.uri={uri}")
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def assert_each_point_ran_once(store: Store) -> None:
    assert [(point.n_examples, point.seed) for point in points(store, "s")] == [(4, 0), (4, 1)]
    runs = list(store.runs([store.experiment("s")]))
    assert Counter(run.data.tags[tag.KIND] for run in runs) == {"finetune": 2, "sweep": 1}
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["server", "postgresql"])
def test_two_machines(tmp_path: Path, kind: str) -> None:
    with shared(kind, tmp_path) as uri:
        open_store(uri, tmp_path / "first")  # makes the tables
        both = [launched_on(host, tmp_path, uri) for host in ("one", "other")]
        said = [sweep.communicate()[0] for sweep in both]
        assert [sweep.returncode for sweep in both] == [0, 0], said
        store = open_store(uri, tmp_path / "first")
        assert_each_point_ran_once(store)
        owners = {run.data.tags[tag.OWNER].partition(":")[0] for run in store.runs([store.experiment("s")])}
        assert owners <= {"one", "other"}


@pytest.mark.slow
def test_one_machine_on_which_one_of_them_is_killed(tmp_path: Path) -> None:
    """The one on whose point the other one waits."""
    root, said = tmp_path / "mlruns", {name: tmp_path / f"{name}.txt" for name in ("one", "other")}
    asked = [*command(root, *SWEEP), "recipe.steps=30"]
    both = {
        name: subprocess.Popen([*asked, f"hydra.sweep.dir={tmp_path / name}"], cwd=ROOT, stdout=file.open("w"))
        for name, file in said.items()
    }
    try:
        while not (waiting := [name for name in both if waits(tmp_path / name)]):
            assert all(sweep.poll() is None for sweep in both.values()), "one ended before it met the other"
            time.sleep(0.1)
        survivor = both.pop(waiting[0])
        (killed,) = both.values()
        killed.kill()
        assert survivor.wait() == 0, said[waiting[0]].read_text()
    finally:
        for sweep in both.values():
            sweep.kill()
            sweep.wait()
    assert_each_point_ran_once(open_store(None, root))


def waits(folder: Path) -> bool:
    return any("is at work on it" in log.read_text() for log in folder.glob("*/log.txt"))
