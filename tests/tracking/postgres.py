"""A PostgreSQL server for tests: a cluster of its own, on a port of its own, from the machine's packages."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """Where initdb is; distributions keep it off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))


@contextmanager
def cluster() -> Iterator[str]:
    """The URI of an empty server, without its database's name. It is gone at the end."""
    # Not below pytest's own directory, which other users may not enter.
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        yield from _started(directory)
    finally:
        shutil.rmtree(directory)


def _started(directory: Path) -> Iterator[str]:
    programs = binaries()
    assert programs is not None
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
        shutil.chown(directory, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data, log = directory / "data", directory / "log.txt"

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=directory)

    run(str(programs / "initdb"), "-D", str(data), "-U", "fathom", "--auth=trust", "--no-sync")
    options = f"-p {port} -k {directory} -c fsync=off -c listen_addresses=127.0.0.1"
    run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(log), "-o", options, "start")
    try:
        yield f"postgresql://fathom@127.0.0.1:{port}"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
