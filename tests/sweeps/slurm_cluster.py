"""SLURM on this machine's loopback: its own controller, node daemon and authentication, in a folder of their own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

import psutil
import pytest

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
MISSING = [name for name in ("munged", "slurmctld", "slurmd") if shutil.which(name, path=PATH) is None]
PATIENCE_SECONDS = 120
# No cgroups, so that it runs in a container too. More cores than there may be, so that all points run at once.
# JobRequeue=0: jobs have to ask for it themselves. What goes to `urgent` takes the machine from the others.
CONF = """
ClusterName=fathom
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
JobRequeue=0
ReturnToService=2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=8
PartitionName=all Nodes=node Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=node MaxTime=INFINITE PriorityTier=2
"""


class Cluster:
    """A cluster of one node. SLURM's commands find it in `environment`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.environment = os.environ | {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        for name in ("state", "spool"):
            (self._folder / name).mkdir()
        (self._folder / "munge.key").write_bytes(os.urandom(128))
        (self._folder / "munge.key").chmod(0o600)
        ports = {"controller": _free_port(), "node": _free_port()}
        host = socket.gethostname().split(".")[0]
        conf = CONF.format(host=host, user=getuser(), folder=self._folder, **ports)
        (self._folder / "slurm.conf").write_text(conf)
        files = {f"{name}-file": f"munge.{name}" for name in ("pid", "log", "seed", "key")} | {"socket": "munge.socket"}
        options = [f"--{option}={self._folder / name}" for option, name in files.items()]
        self._daemon("munged", "--foreground", "--force", *options)
        self._daemon("slurmctld", "-D")
        self.start_node()

    def start_node(self) -> None:
        self._daemon("slurmd", "-D", "-N", "node")
        wait_until(lambda: "idle" in self._run("sinfo --noheader --format=%T").stdout)

    def kill_node(self) -> None:
        """As when its machine goes down: the daemon and all jobs at once, and the controller sees it."""
        on_node = {"slurmd", "slurmstepd"}
        for process in [of for of in self.processes() if on_node & {of.name(), *(up.name() for up in of.parents())}]:
            _kill(process)
        self.ask("scontrol update NodeName=node State=DOWN Reason=killed")

    def ask(self, command: str) -> str:
        """What one of SLURM's commands says, without the blanks around it."""
        asked = self._run(command)
        assert asked.returncode == 0, f"{command}: {asked.stderr}"
        return asked.stdout.strip()

    def queue(self, format: str, states: str = "all") -> list[str]:
        """Jobs as squeue prints them, each of an array by itself."""
        return self.ask(f"squeue --noheader --array --states={states} --format={format}").splitlines()

    def hurry(self) -> None:
        """SLURM lets a requeued job rest for two minutes: have it begin now."""
        for job in self.queue("%i", states="PENDING"):
            self._run(f"scontrol update JobId={job} StartTime=now")  # which is refused if it has begun meanwhile

    def processes(self) -> set[psutil.Process]:
        """What was started in the cluster's environment, daemons, commands and jobs, and what started the jobs."""
        found = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    steps = [of for of in process.parents() if of.name() == "slurmstepd"]
                    found |= {of for of in (process, *steps) if of.status() != psutil.STATUS_ZOMBIE}
        return found

    def stop(self) -> None:
        """The daemons end in order where they can; nothing of the cluster is left, however it went."""
        for daemon in self._daemons:
            daemon.terminate()
        for daemon in self._daemons:
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
        for process in self.processes():
            _kill(process)
        for daemon in self._daemons:
            daemon.wait()

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command.split(), env=self.environment, capture_output=True, text=True, check=False)

    def _daemon(self, *command: str) -> None:
        with (self._folder / f"{command[0]}.log").open("a") as log:
            daemon = subprocess.Popen(command, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
        self._daemons.append(daemon)


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that runs within, with its files in an empty folder whose path is short, as sockets need it."""
    cluster = Cluster(folder)
    try:
        try:
            cluster.start()
        except AssertionError as error:
            pytest.skip(f"SLURM's daemons do not come up on this machine ({error}); their logs: {folder}")
        yield cluster
    finally:
        cluster.stop()


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < until, f"not within {PATIENCE_SECONDS} seconds"
        time.sleep(0.2)


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
