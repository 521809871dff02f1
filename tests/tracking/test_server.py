"""Against a real tracking server: what only a server can show."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from src.errors import Unsynced
from src.tracking import tags as tag
from src.tracking.query import points, predictions
from src.tracking.runs import claim
from src.tracking.store import open_store
from tests.tracking.server import free_port, server

REPOSITORY = Path(__file__).parents[2]

ANOTHER_HOST = """
import socket, sys
socket.gethostname = lambda: sys.argv[3]
from pathlib import Path
from src.tracking.runs import claim
from src.tracking.store import open_store
with claim(open_store(sys.argv[1], Path(sys.argv[2])), key="raced", kind="finetune", name="p", study="s") as run:
    print(run.id, run.already_complete)
    if not run.already_complete:
        run.complete()
"""

WAITER = """
import sys
from pathlib import Path
from src.tracking.runs import claim
from src.tracking.store import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]))
print("open", flush=True)
sys.stdin.readline()
with claim(store, key="waited", kind="finetune", name="p", study="s") as run:
    print(run.already_complete)
    run.complete()
"""


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back(
    root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    port = free_port()
    local = tmp_path / "local"
    tracking = [f"tracking.root={local}", f"hydra.run.dir={tmp_path / 'sync'}"]
    params = {"model": "m", "benchmark": "b", "method": "full", "recipe": "tiny", "n_examples": 1, "seed": 0}
    with server(port, root) as uri:
        # Two hosts that share no file lock and begin the same key at the same time.
        hosts = [start(ANOTHER_HOST, uri, tmp_path / name, name) for name in ("a", "b")]
        ended = [(*host.communicate(), host.returncode) for host in hosts]
        assert [code for _, _, code in ended] == [0, 0], ended
        # MLflow may say beside it where the run is to be seen.
        said = [line.split() for out, _, _ in ended for line in out.splitlines() if line.endswith(("True", "False"))]
        assert sorted(complete for _, complete in said) == ["False", "True"]
        assert len({run_id for run_id, _ in said}) == 1

        waiter = start(WAITER, uri, tmp_path / "c")
        assert waiter.stdout is not None and waiter.stdin is not None and waiter.stderr is not None
        assert waiter.stdout.readline() == "open\n"
        store = open_store(uri, local, flush_seconds=0.2)
        life = claim(store, key="k1", kind="finetune", name="p", study="t", params=params)
        run = life.__enter__()
        run.log_metrics({"train/loss": 1.0}, 0)
        while not store.client.get_metric_history(run.id, "train/loss"):
            time.sleep(0.1)
    # Away in the middle: the run goes on, and what needs the store waits for it.
    run.log_metrics({"train/loss": 2.0}, 1)
    run.log_table("predictions", [{"score": 0.0}])
    run.set_tags({"fathom.note": "away"})
    waiter.stdin.write("\n")
    waiter.stdin.flush()
    assert "does not answer; waiting for it" in waiter.stderr.readline()

    with server(port, root) as uri:
        run.log_metrics({"train/loss": 3.0}, 2)
        while len(history := store.client.get_metric_history(run.id, "train/loss")) < 3:
            time.sleep(0.1)
        assert [(metric.step, metric.value) for metric in history] == [(0, 1.0), (1, 2.0), (2, 3.0)]
        out, err = waiter.communicate()
        assert (waiter.returncode, out.splitlines()[0]) == (0, "False"), err

    # Away at the end: finished, and kept.
    run.log_metrics({"train/loss": 4.0}, 3)
    run.log_table("predictions", [{"score": 1.0}])
    made = tmp_path / "made"
    made.mkdir()
    (made / "weights").write_text("w")
    run.log_artifacts(made, "model")
    shutil.rmtree(made)  # as a point clears its work
    with pytest.raises(Unsynced, match=r"finished, unsynced: the tracking store http://127.* src/sync\.py") as kept:
        run.complete({"eval/accuracy": 0.5})
    life.__exit__(Unsynced, kept.value, None)

    with server(port, root) as uri:
        assert points(store, "t") == []
        command = [sys.executable, "src/sync.py", f"tracking.uri={uri}", *tracking]
        synced = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        assert synced.returncode == 0, synced.stderr
        assert synced.stdout.endswith("p\n1 runs brought to the store\n")
        (point,) = points(store, "t")
        ours = {name: value for name, value in point.metrics.items() if not name.startswith("system/")}
        assert (point.run_id, ours) == (run.id, {"train/loss": 4.0, "eval/accuracy": 0.5})
        assert [artifact.path for artifact in store.client.list_artifacts(run.id, "model")] == ["model/weights"]
        assert predictions(store, run.id) == [{"score": 1.0}]
        tags = store.client.get_run(run.id).data.tags
        assert (tags[tag.COMPLETE], tags["fathom.note"]) == ("true", "away")
        assert list((local / "spool").iterdir()) == []
        with claim(store, key="k1", kind="finetune", name="p", study="t", params=params) as again:
            assert (again.id, again.already_complete) == (run.id, True)
