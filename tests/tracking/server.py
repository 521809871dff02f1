"""A tracking server for tests: MLflow's own, on SQLite and files; end it and start it again, and it is the same one."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(port: int, root: Path, backend: str = "") -> Iterator[str]:
    """On the database `backend`, or on an SQLite file under `root`."""
    uri = f"http://127.0.0.1:{port}"
    kept = ["--backend-store-uri", backend or f"sqlite:///{root}/mlflow.db"]
    kept += ["--artifacts-destination", str(root / "served")]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *kept]
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
