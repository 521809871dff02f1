"""A Ray cluster of two nodes on this machine, for tests: the worker node can go down, and another one comes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from src.sweeps.job import VARIABLE

NODE = "FATHOM_TEST_NODE"  # in the environment of everything on a node: "head" or "worker"
OBJECT_STORE_BYTES = 100 * 2**20


class TwoNodes:
    """The nodes, each with `cpus` cores to give."""

    def __init__(self, cpus: int) -> None:
        from ray.cluster_utils import Cluster

        self._cpus = cpus
        of_head = {"num_cpus": cpus, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        self._head = Cluster(initialize_head=True, head_node_args={**of_head, "env_vars": {NODE: "head"}})
        self.address = str(self._head.address)
        self.start()

    def start(self) -> None:
        """The worker node, by Ray's own command: what is made of it in Python may be made in the main thread alone."""
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--address={self.address}"]
        self._worker = subprocess.Popen(
            [*start, f"--num-cpus={self._cpus}", f"--object-store-memory={OBJECT_STORE_BYTES}"],
            env={**os.environ, NODE: "worker"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """The worker node goes down at once, with all that runs on it."""
        for process in [psutil.Process(self._worker.pid), *below(self._worker.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._worker.wait()

    def tasks(self) -> list[psutil.Process]:
        """What runs points on either node: Ray's workers, and the processes that these started."""
        heads = [process.pid for _, process in self._head.head_node.live_processes()]
        return [one for pid in [*heads, self._worker.pid] for one in below(pid) if _runs_a_point(one)]

    def shutdown(self) -> None:
        if self._worker.returncode is None:
            self.stop()
        self._head.shutdown()


@contextmanager
def two_nodes(cpus: int) -> Iterator[TwoNodes]:
    # Where the home directory holds a token, whoever asks a cluster would need it.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    nodes = TwoNodes(cpus)
    try:
        yield nodes
    finally:
        nodes.shutdown()


def below(pid: int) -> list[psutil.Process]:
    """The processes that a process started, and those that these did."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _runs_a_point(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("ray::_run") or VARIABLE in process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
