"""What a serial sweep spends outside training and evaluation.

    python bench/overhead.py [--seeds=5] [--recipe=converged] [key=value …]

A sweep of n_examples=4,8,16,32,64,128 × so many seeds of a tiny model, one point at a time, run as a user runs it. The
time from the command to its end, from what MLflow holds of each run:

- train, evaluate: the points' own `time/` metrics;
- load, draw and track: the rest of each run, from its start to its end;
- before the first run, once a sweep however many its points: Python, imports, a new store, keys, the fork server;
- between and after the runs: each job's start, composing, its key; what the sweep does when one ends, and at the end.

Beside them the parts of one more point, run in this process, in seconds of its processor: what other programs take of
the machine is not in them.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
STUDY = "overhead"
SIZES = (4, 8, 16, 32, 64, 128)
EVALUATION = ("time/generate_seconds", "time/nll_seconds", "time/score_seconds")
PARTS = ("import", "compose", "identify", "load", "train", "evaluate", "track", "rest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--recipe", default="converged")
    parser.add_argument("overrides", nargs="*", help="further key=value of the sweep")
    asked = parser.parse_args()
    point = ["model.init=random", f"recipe={asked.recipe}", f"study={STUDY}", *asked.overrides]
    with tempfile.TemporaryDirectory() as folder:
        point += [f"tracking.root={folder}/mlruns"]
        seeds = ",".join(map(str, range(asked.seeds)))
        command = [sys.executable, "src/train.py", "-m", *point, f"hydra.sweep.dir={folder}/multirun"]
        command += [f"n_examples={','.join(map(str, SIZES))}", f"seed={seeds}", "hydra.launcher.n_jobs=1"]
        began = time.time()
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        total = time.time() - began
        one = parts_of_a_point([*point, f"n_examples={SIZES[-1]}", f"seed={asked.seeds}", "trainer.progress_bar=false"])
        rows = parts_of_the_sweep(Path(folder) / "mlruns", began, total, asked.seeds)
    console = Console(width=100)
    table = Table(title=f"a serial sweep of {len(SIZES) * asked.seeds} points, {total:.0f} s")
    for heading in ("part", "s", "of all"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for part, seconds in rows.items():
        table.add_row(part, f"{seconds:.1f}", f"{seconds / total:.1%}")
    console.print(table)
    console.print(f"one point of n={SIZES[-1]}: " + ", ".join(f"{part} {one[part]:.2f} s" for part in PARTS))


def parts_of_the_sweep(root: Path, began: float, total: float, seeds: int) -> dict[str, float]:
    """Seconds of a sweep that began at `began` (unix seconds) and took `total`, by part."""
    from src.tracking.query import points
    from src.tracking.store import open_store

    store = open_store(None, root)
    complete = [point for point in points(store, STUDY) if point.seed < seeds]
    infos = [store.client.get_run(point.run_id).info for point in complete]
    train = sum(point.metrics.get("time/train_seconds", 0.0) for point in complete)
    evaluate = sum(point.metrics.get(name, 0.0) for point in complete for name in EVALUATION)
    runs = sum((info.end_time - info.start_time) / 1000 for info in infos)
    before = min(info.start_time for info in infos) / 1000 - began
    return {
        "train": train,
        "evaluate": evaluate,
        "load, draw, track": runs - train - evaluate,
        "before the first run": before,
        "between and after the runs": total - runs - before,
        "outside training and evaluation": total - train - evaluate,
    }


def parts_of_a_point(overrides: list[str]) -> Counter[str]:
    """The processor's seconds of this process for each of PARTS of a point. Nothing of the project is imported yet."""
    watch = Stopwatch()
    with watch.part("rest"):
        with watch.part("import"):
            from hydra import compose, initialize_config_dir

            import src.points.start as start
            import src.tasks.finetune as task
            from src.config.check import check
            from src.config.train import TrainConfig
            from src.points.base import Base
            from src.tracking.client import PatientClient
            from src.tracking.outbox import Outbox
        with watch.part("compose"), initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
            config = check(compose("train", overrides), TrainConfig)
        timed: list[tuple[Any, str, str]] = [
            *((task, "identify", "identify"), (task, "train", "train"), (task, "complete", "evaluate")),
            *((task, "_scored", "evaluate"), (task, "open_store", "track"), (PatientClient, "_call", "track")),
            *((Base, "tokenizer", "load"), (start.Start, "load", "load"), (start.Start, "load_to_measure", "load")),
            *((Outbox, method, "track") for method in ("put", "put_directory", "put_tags", "send")),
        ]
        for owner, name, part in timed:
            setattr(owner, name, watch.timed(getattr(owner, name), part))
        task.finetune(config)
    return watch.seconds


class Stopwatch:
    """The processor's seconds of this process by part; a part within another is not in that one."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._within: list[str] = []
        self._since = time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._turn()
        self._within.append(name)
        try:
            yield
        finally:
            self._turn()
            self._within.pop()

    def timed(self, function: Any, name: str) -> Any:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            with self.part(name):
                return function(*args, **kwargs)

        return call

    def _turn(self) -> None:
        now = time.process_time()
        if self._within:
            self.seconds[self._within[-1]] += now - self._since
        self._since = now


if __name__ == "__main__":
    main()
