"""Does a sweep survive? Its processes and its store are killed at random moments; the end must be as if they were not.

    python bench/chaos.py [--store=server|postgresql|sqlite] [--executor=processes|ray] [--kills=30] [--seed=0] …

A sweep runs undisturbed once, on SQLite. Then the same sweep runs on a store of its own, in four workers, while

- SIGKILL comes at random moments: to the whole sweep with everything that it started, to its first process alone, or to
  one of the others (a worker, what workers are forked from, one of Ray's);
- the store (a tracking server or a PostgreSQL server) ends at random moments and starts again after 20 s;
- with Ray, the worker node of two goes down with everything on it, and another one comes after 20 s.

The same command is given again until its exit status is 0, or has been another one more often than kills and stops
explain. What holds then is the table at the end: each line is a check, and the exit status is 0 only if all hold.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Protocol, get_args, get_type_hints

import psutil
from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table

from src.tracking import tags as tag
from src.tracking.query import points, predictions
from src.tracking.store import Store, open_store
from tests.sweeps.executors.two_nodes import TwoNodes, below, two_nodes
from tests.tracking.postgres import Cluster, cluster
from tests.tracking.server import free_port, server

REPOSITORY = Path(__file__).resolve().parents[1]
STUDY = "chaos"
MARK = "FATHOM_CHAOS"  # in the environment of all that a sweep of ours starts
SIZES = (4, 9, 16, 25)
POINT = [
    *("model.size=s", "model.init=random", "benchmark.test_limit=12", "benchmark.max_new_tokens=12"),
    *("recipe.epochs=null", "recipe.until=null", "recipe.search=[]", "recipe.min_steps=1", "recipe.batch_size=4"),
    *("trainer.checkpoint_every_steps=2", "tracking.flush_seconds=1", "hydra.launcher.retry_after_seconds=1"),
]
# What differs between two runs of one point: what the clock and the machine say.
OF_THE_MACHINE = ("time/", "per_second", "system/")
# All kills come within this part of the time for which the undisturbed sweep's points were at work.
KILLED_FOR = 0.6
TICK_SECONDS = 0.1
LAUNCHES_PER_STOP = 10
GONE_SECONDS = 40.0  # for what was told to end: a point has 30 s for it

console = Console(width=140)


@dataclass(frozen=True)
class Chaos:
    """How much of it. `away` is how many seconds a store, or a node, stays away."""

    store: Literal["server", "postgresql", "sqlite"] = "server"
    executor: Literal["processes", "ray"] = "processes"
    seeds: int = 6  # times four sizes
    steps: int = 40
    workers: int = 4
    kills: int = 30
    stops: int = 3
    away: float = 20.0
    seed: int = 0


@dataclass
class Struck:
    """What befell the sweep."""

    launches: int = 0
    ended: bool = False  # with exit status 0
    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)


Check = tuple[str, bool, str]  # what is asked for, whether it holds, what was found


class Breakable(Protocol):
    """What can go down and come back, and keeps what it holds."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class TrackingServer:
    """MLflow's, on SQLite and files below `root`."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self._port, self._root = free_port(), root
        self._running = ExitStack()
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._running.enter_context(server(self._port, self._root))

    def stop(self) -> None:
        self._running.close()


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[tuple[str | None, TrackingServer | Cluster | None]]:
    """The tracking URI of a store that answers, and what can be broken of it."""
    if kind == "sqlite":
        yield None, None
    elif kind == "postgresql":
        with cluster() as database:
            yield f"{database.uri}/postgres", database
    else:
        tracking = TrackingServer(folder / "server")
        tracking.start()
        try:
            yield tracking.uri, tracking
        finally:
            tracking.stop()


def sweep_command(root: Path, chaos: Chaos, *more: str) -> list[str]:
    folder = root.parent
    return [
        *(sys.executable, "src/train.py", "-m", *POINT, f"study={STUDY}", f"recipe.steps={chaos.steps}"),
        *(f"n_examples={','.join(map(str, SIZES))}", f"seed={','.join(map(str, range(chaos.seeds)))}"),
        *(
            f"tracking.root={root}",
            f"hydra.sweep.dir={folder}/multirun",
            f"hydra.launcher.n_jobs={chaos.workers}",
            *more,
        ),
    ]


def disturbed(
    command: Sequence[str], chaos: Chaos, within: float, folder: Path, store: Breakable | None, nodes: TwoNodes | None
) -> Struck:
    """Give the same command until its exit status is 0, and kill within the first seconds of work; what befell it."""
    # A kill ends at most one launch. A store that is away ends each, after seconds.
    explained = chaos.kills + LAUNCHES_PER_STOP * chaos.stops
    struck, clock, drawn = Struck(), Clock(), random.Random(chaos.seed)
    moments = sorted(within * drawn.random() for _ in range(chaos.kills))
    breakable = {"store": store, "Ray's worker node": nodes}
    with ThreadPoolExecutor() as threads:
        breaking = [
            threads.submit(_break, name, what, chaos, within, struck, clock)
            for name, what in breakable.items()
            if what is not None
        ]
        try:
            while not struck.ended and struck.launches <= explained:
                struck.launches += 1
                sweep = _launched(command, folder, struck.launches)
                while sweep.poll() is None:
                    others = [*below(sweep.pid), *(nodes.tasks() if nodes else [])]
                    clock.tick(at_work=any(_leads_a_session(one) for one in others))
                    if moments and clock.seconds >= moments[0] and (what := _kill(sweep, others, drawn)):
                        struck.kills[what] += 1
                        del moments[0]
                struck.ended = sweep.returncode == 0
        finally:
            clock.over.set()
        for one in breaking:
            one.result()
    return struck


class Clock:
    """Seconds of points at work. While there are none, as at a start, it goes at a tenth of the pace."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.over = threading.Event()
        self._last = time.monotonic()

    def tick(self, at_work: bool) -> None:
        time.sleep(TICK_SECONDS)
        now = time.monotonic()
        self.seconds += (now - self._last) * (1.0 if at_work else 0.1)
        self._last = now


def _launched(command: Sequence[str], folder: Path, launch: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {MARK: str(folder)}
    with (folder / f"launch.{launch}.txt").open("wb") as log:
        return subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def _break(name: str, what: Breakable, chaos: Chaos, within: float, struck: Struck, clock: Clock) -> None:
    """End it and start it again, at random moments while the sweep runs: one in each of as many equal parts."""
    moments, part = random.Random(f"{name} {chaos.seed}"), within / max(1, chaos.stops)
    for number in range(chaos.stops):
        moment = (number + moments.random()) * part
        while clock.seconds < moment:
            if clock.over.wait(TICK_SECONDS):
                return
        what.stop()
        struck.stops[name] += 1
        time.sleep(chaos.away)
        what.start()


def _kill(sweep: subprocess.Popen[bytes], others: list[psutil.Process], drawn: random.Random) -> str:
    """SIGKILL to some of what the sweep is made of; says to what, nothing where the drawn kind has no process."""
    kind = drawn.choices(["whole sweep", "its first process", "another process"], [1, 1, 6])[0]
    match kind:
        case "whole sweep":
            victims = [psutil.Process(sweep.pid), *below(sweep.pid)]
        case "its first process":
            victims = [psutil.Process(sweep.pid)]
        case _:
            victims = drawn.sample(others, min(1, len(others)))
    for victim in victims:
        with suppress(psutil.NoSuchProcess):
            victim.kill()
    return kind if victims else ""


def _leads_a_session(process: psutil.Process) -> bool:
    """As a point's own process does, and none of those that only serve it."""
    try:
        return os.getsid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def checks(chaos: Chaos, struck: Struck, store: Store, undisturbed: Store, folder: Path) -> Iterator[Check]:
    """Each line of what must hold at the end."""
    n_points = len(SIZES) * chaos.seeds
    runs = list(store.runs([store.experiment(STUDY)]))
    of_points = [run for run in runs if run.data.tags[tag.KIND] == "finetune"]
    complete = [run for run in of_points if run.data.tags.get(tag.COMPLETE) == "true"]
    keys = {run.data.tags[tag.KEY] for run in complete}
    yield "SIGKILL as often as asked", struck.kills.total() >= chaos.kills, told(struck.kills)
    stops = {"store": chaos.store != "sqlite", "Ray's worker node": chaos.executor == "ray"}
    often = all(struck.stops[name] == chaos.stops for name, asked in stops.items() if asked)
    yield f"down as often as asked, {chaos.away:g} s each", often, told(struck.stops)
    yield f"{n_points} complete runs", len(complete) == n_points, str(len(complete))
    yield "no key twice", len(keys) == len(complete), f"{len(keys)} keys"
    yield "no further run of a point", len(of_points) == n_points, f"{len(of_points)} runs"
    statuses = Counter(run.info.status for run in runs)
    yield "no run left RUNNING", statuses == {"FINISHED": n_points + 1}, told(statuses)
    differing = differences(measured(undisturbed), measured(store))
    yield "metrics and answers as undisturbed, bit for bit", not differing, ", ".join(differing[:4]) or "all equal"
    for name in ("spool", "work"):
        left = sorted(path.name for path in (store.root / name).iterdir())
        yield f"nothing left in {name}/", not left, ", ".join(left)
    held = [file.name for file in store.locks.iterdir() if _is_held(file)]
    yield "no lock held", not held, ", ".join(held)
    left = processes_left(folder)
    yield "no process left", not left, ", ".join(left)


def seconds_at_work(store: Store) -> float:
    """From the first point's beginning to the last one's end."""
    runs = list(store.runs([store.experiment(STUDY)], f"tags.`{tag.KIND}` = 'finetune'"))
    return (max(run.info.end_time for run in runs) - min(run.info.start_time for run in runs)) / 1000


def measured(store: Store) -> dict[str, str]:
    """All that a point says of itself except for time and the machine, by point and name, each bit of it."""
    found = {}
    for point in points(store, STUDY):
        place = f"n={point.n_examples} seed={point.seed}"
        for name, value in point.metrics.items():
            if not any(part in name for part in OF_THE_MACHINE):
                found[f"{place} {name}"] = value.hex()
        losses = store.client.get_metric_history(point.run_id, "train/loss")
        by_step = {loss.step: loss.value.hex() for loss in sorted(losses, key=lambda loss: loss.timestamp)}
        found[f"{place} train/loss by step"] = str(sorted(by_step.items()))
        found[f"{place} predictions"] = str(predictions(store, point.run_id))
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def processes_left(folder: Path) -> list[str]:
    """What a sweep of this bench started and is at work still, once what was told to end has had its time."""
    until = time.monotonic() + GONE_SECONDS
    while (left := [one for one in psutil.process_iter() if _is_of(one, folder)]) and time.monotonic() < until:
        time.sleep(0.5)
    return [f"{one.pid} {one.name()}" for one in left]


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        points_of = any(f"{folder}/multirun" in argument for argument in process.cmdline())
        return process.environ().get(MARK) == str(folder) or points_of
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _is_held(file: Path) -> bool:
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def survive(chaos: Chaos, folder: Path) -> list[Check]:
    """Run the sweep undisturbed and disturbed below `folder`; what was asked of it and what was found."""
    calm = folder / "undisturbed"
    calm.mkdir()
    subprocess.run(sweep_command(calm / "mlruns", chaos), cwd=REPOSITORY, check=True, capture_output=True)
    undisturbed = open_store(None, calm / "mlruns")
    worked = seconds_at_work(undisturbed)
    with ExitStack() as stack:
        uri, broken = stack.enter_context(_store(chaos.store, folder))
        command = sweep_command(folder / "mlruns", chaos, *([f"tracking.uri={uri}"] if uri else []))
        nodes = None
        if chaos.executor == "ray":
            nodes = stack.enter_context(two_nodes(chaos.workers // 2))
            command += ["hydra/launcher=ray", f"hydra.launcher.address={nodes.address}"]
        began = time.monotonic()
        struck = disturbed(command, chaos, KILLED_FOR * worked, folder, broken, nodes)
        seconds = time.monotonic() - began
        found = list(checks(chaos, struck, open_store(uri, folder / "mlruns"), undisturbed, folder))
    took = f"launched {struck.launches} times, {seconds:.0f} s (its points undisturbed: {worked:.0f} s)"
    return [("the command ended with 0", struck.ended, took), *found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for of in fields(Chaos):
        choices = get_args(get_type_hints(Chaos)[of.name]) or None
        parser.add_argument(f"--{of.name}", type=type(of.default), default=of.default, choices=choices)
    chaos = Chaos(**vars(parser.parse_args()))
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    found = survive(chaos, folder)
    table = Table(title=str(chaos))
    for heading in ("what must hold", "", "found"):
        table.add_column(heading, overflow="fold")
    for asked, holds, what in found:
        table.add_row(asked, "yes" if holds else "NO", what)
    console.print(table)
    if not all(holds for _, holds, _ in found):
        console.print(f"what it left is in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
