import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from src.errors import FathomError
from src.tracking.store import Store, open_existing, open_store

FIRST_USE = """
import sys
from pathlib import Path
from src.tracking.store import open_store
store = open_store(None, Path(sys.argv[1]))
print(store.experiment("s"))
store.client.create_run(store.experiment("s"))
"""


def test_eight_cold_processes_on_a_new_store(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    processes = [start(FIRST_USE, tmp_path / "mlruns") for _ in range(8)]
    ended = [(*process.communicate(), process.returncode) for process in processes]
    assert [code for _, _, code in ended] == [0] * 8, ended
    assert len({out for out, _, _ in ended}) == 1
    assert {err for _, err, _ in ended} == {""}, "opening a store prints nothing"
    store = open_store(None, tmp_path / "mlruns")
    assert len(store.client.search_runs([store.experiment("s")])) == 8


def test_everything_lies_under_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    store = open_store(None, Path("../a root"))
    run = store.client.create_run(store.experiment("a study"))
    store.client.log_text(run.info.run_id, "text", "a.txt")
    root = tmp_path / "a root"
    assert store.uri == f"sqlite:///{root}/mlflow.db"
    assert run.info.artifact_uri.startswith("file:///")
    assert (root / "artifacts" / run.info.run_id / "artifacts" / "a.txt").read_text() == "text"
    assert list(elsewhere.iterdir()) == []
    assert run.info.experiment_id != "0"


def test_who_only_reads_makes_no_store(tmp_path: Path, root: Path) -> None:
    with pytest.raises(FathomError, match=r"no store at .*mlruns/nowhere/mlflow\.db: check tracking\.root"):
        open_existing(None, root / "nowhere")
    with pytest.raises(FathomError, match=r"no store at .*/other\.db: check tracking\.uri"):
        open_existing(f"sqlite:///{root}/other.db", tmp_path)
    assert {path.name for path in root.iterdir()} == {"mlflow.db"}
    assert open_existing(None, root).database == root / "mlflow.db"


def test_sqlite_by_its_uri_and_in_wal_mode(root: Path, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{root}/mlflow.db", tmp_path / "other root")
    assert store.database == root / "mlflow.db"
    assert store.locks == root / "locks"
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_telemetry_is_off(store: Store) -> None:
    code = "import src.tracking.store, os; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_DISABLE_TELEMETRY"}
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert asked.stdout == "true\n"


def test_an_experiment_for_each_study(store: Store) -> None:
    identifiers: list[str] = []
    askers = [threading.Thread(target=lambda: identifiers.append(store.experiment("s"))) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(identifiers) == 6
    assert len(set(identifiers)) == 1
    assert store.experiment("t") != store.experiment("s")


def test_an_experiment_is_of_the_training_kind_unless_its_owner_says_otherwise(store: Store) -> None:
    def kind(study: str) -> str:
        return str(store.client.get_experiment(store.experiment(study)).tags["mlflow.experimentKind"])

    assert kind("made here") == "custom_model_development"
    store.client.create_experiment("made elsewhere")
    assert kind("made elsewhere") == "custom_model_development"
    store.client.create_experiment("told", tags={"mlflow.experimentKind": "genai_development"})
    assert kind("told") == "genai_development"


def test_studies_that_cannot_be(store: Store) -> None:
    with pytest.raises(FathomError, match="study=Default is MLflow's own"):
        store.experiment("Default")
    store.client.delete_experiment(store.experiment("gone"))
    with pytest.raises(FathomError, match="study gone was deleted in MLflow: restore"):
        store.experiment("gone")


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "./mlruns", "/tmp/mlruns"])
def test_file_stores_are_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(FathomError, match=r"is no database and no server .* use sqlite:///"):
        open_store(uri, tmp_path)


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database at all" * 100)
    with pytest.raises(FathomError, match=r"mlflow\.db cannot be opened: .*check tracking\.uri"):
        open_store(None, tmp_path)


def closed_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_unreachable_server(tmp_path: Path) -> None:
    port = closed_port()
    with pytest.raises(FathomError) as refused:
        open_store(f"http://someone:hunter22@127.0.0.1:{port}", tmp_path)
    assert str(refused.value) == (
        f"no tracking server answers at http://***@127.0.0.1:{port} (connection refused): start it or correct "
        "tracking.uri, or set tracking.uri=null to keep runs in a local file"
    )


@contextmanager
def answering(status: int, clock_ahead: float = 0.0) -> Iterator[str]:
    """The URI of a server that answers everything with a status, its clock so many seconds ahead."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + clock_ahead)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, r"refuses access \(status 401\): set MLFLOW_TRACKING_USERNAME"), (404, "is no MLflow tracking server")],
)
def test_servers_that_are_no_use(status: int, sentence: str, tmp_path: Path) -> None:
    with answering(status) as uri, pytest.raises(FathomError, match=sentence):
        open_store(uri, tmp_path)


@pytest.mark.parametrize(("ahead", "said"), [(0.0, None), (300.0, "behind"), (-300.0, "ahead of")])
def test_a_clock_that_is_not_the_servers_is_noticed(
    ahead: float, said: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(200, ahead) as uri:
        open_store(uri, tmp_path)
    noticed = [line for line in caplog.messages if "clock" in line]
    assert len(noticed) == (said is not None)
    for line in noticed:
        assert re.match(
            rf"this machine's clock is (299|300|301) s {said} that of the tracking server at http://127", line
        )
