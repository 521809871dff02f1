"""A PostgreSQL server for tests: a cluster of its own, on a port of its own, from the machine's packages."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.tracking.server import free_port


def binaries() -> Path | None:
    """Where initdb is; distributions keep it off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server's data below a directory, and its port."""

    directory: Path
    port: int

    @property
    def uri(self) -> str:
        """Without a database's name."""
        return f"postgresql://fathom@127.0.0.1:{self.port}"

    def initialise(self) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
            shutil.chown(self.directory, "postgres")
        self._run("initdb", "-U", "fathom", "--auth=trust", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.directory} -c fsync=off -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-w", "-l", str(self.directory / "log.txt"), "-o", options, "start")

    def stop(self) -> None:
        """As if it had been killed."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        programs = binaries()
        assert programs is not None
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(programs / program), "-D", str(self.directory / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """An empty server that answers. It is gone at the end."""
    # Not below pytest's own directory, which other users may not enter.
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    made = Cluster(directory, free_port())
    try:
        made.initialise()
        made.start()
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):  # it was stopped before
            made.stop()
        shutil.rmtree(directory)
