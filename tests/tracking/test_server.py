"""Against a real tracking server: what only a server can show."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.query import points
from src.tracking.runs import claim
from src.tracking.store import open_store

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


@contextmanager
def server(port: int, root: Path) -> Iterator[str]:
    uri = f"http://127.0.0.1:{port}"
    backend = ["--backend-store-uri", f"sqlite:///{root}/mlflow.db", "--artifacts-destination", str(root / "served")]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *backend]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while True:
            assert process.poll() is None, "the tracking server did not start"
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield uri
    finally:
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=True)
        process.wait()


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back(
    root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    local = tmp_path / "local"
    params = {"model": "m", "benchmark": "b", "method": "full", "recipe": "tiny", "n_examples": 1, "seed": 0}
    with server(port, root) as uri:
        # Two hosts that share no file lock and begin the same key at the same time.
        hosts = [start(ANOTHER_HOST, uri, tmp_path / name, name) for name in ("a", "b")]
        ended = [(*host.communicate(), host.returncode) for host in hosts]
        assert [code for _, _, code in ended] == [0, 0], ended
        assert sorted(out.split()[1] for out, _, _ in ended) == ["False", "True"]
        assert len({out.split()[0] for out, _, _ in ended}) == 1

        store = open_store(uri, local, flush_seconds=0.2)
        life = claim(store, key="k1", kind="finetune", name="p", study="t", params=params)
        run = life.__enter__()
        run.log_metrics({"train/loss": 1.0}, 0)
        while not store.client.get_metric_history(run.id, "train/loss"):
            time.sleep(0.1)
    run.log_metrics({"train/loss": 2.0}, 1)
    with pytest.raises(FathomError, match="metric values could not be written to http://127") as refused:
        run.complete({"eval/accuracy": 0.5})
    life.__exit__(FathomError, refused.value, None)
    assert (local / "spool" / f"{run.id}.jsonl").exists()

    with server(port, root) as uri:
        again = claim(open_store(uri, local), key="k1", kind="finetune", name="p", study="t", params=params)
        with again as resumed:
            assert (resumed.id, resumed.resumed) == (run.id, True)
            resumed.log_table("predictions", [{"score": 1.0}])
            resumed.complete()
        (point,) = points(store, "t")
        assert point.metrics == {"train/loss": 2.0, "eval/accuracy": 0.5}
        assert store.client.get_run(run.id).data.tags[tag.COMPLETE] == "true"
