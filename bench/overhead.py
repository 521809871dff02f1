"""What a serial sweep spends outside training and evaluation.

    python bench/overhead.py [--seeds=5] [--recipe=converged] [key=value …]

A sweep of n_examples=4,8,16,32,64,128 × so many seeds of a tiny model, one point at a time, run as a user runs it. The
time from the command to its end, from what MLflow holds of each run:

- train, evaluate: the points' own `time/` metrics;
- load, draw and track: the rest of each run, from its start to its end;
- between the runs: Python's start, imports, composing, keys, and what the sweep does before, between and after points.

Beside them what one process takes for its parts, in seconds of this one: import, compose, identify.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
STUDY = "overhead"
SIZES = (4, 8, 16, 32, 64, 128)
EVALUATION = ("time/generate_seconds", "time/nll_seconds", "time/score_seconds")


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
        began = time.perf_counter()
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        total = time.perf_counter() - began
        parts = parts_of_a_process(point)  # its imports are what reading the runs needs
        runs, train, evaluate = seconds_of_runs(Path(folder) / "mlruns")
    console = Console(width=100)
    table = Table(title=f"a serial sweep of {len(SIZES) * asked.seeds} points, {total:.0f} s")
    for heading in ("part", "s", "of all"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    rows = {"train": train, "evaluate": evaluate, "load, draw, track": runs - train - evaluate}
    rows["between the runs"] = total - runs
    rows["outside training and evaluation"] = total - train - evaluate
    for part, seconds in rows.items():
        table.add_row(part, f"{seconds:.1f}", f"{seconds / total:.1%}")
    console.print(table)
    console.print("one process: " + ", ".join(f"{part} {seconds:.2f} s" for part, seconds in parts.items()))


def parts_of_a_process(point: list[str]) -> dict[str, float]:
    """What this process, which has imported nothing of the project yet, takes for each part of a point's beginning."""
    times = [time.perf_counter()]
    from src.config.check import check
    from src.config.train import TrainConfig
    from src.points.point import identify
    from src.tasks.finetune import finetune as _finetune  # noqa: F401, the point's own imports

    times.append(time.perf_counter())
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = check(compose("train", [*point, "n_examples=4", "seed=0"]), TrainConfig)
    times.append(time.perf_counter())
    identify(config)
    times.append(time.perf_counter())
    return dict(
        zip(("import", "compose", "identify"), [after - before for before, after in pairwise(times)], strict=True)
    )


def seconds_of_runs(root: Path) -> tuple[float, float, float]:
    """Over all complete points: what their runs took, of that training, of that evaluation."""
    from src.tracking.query import points
    from src.tracking.store import open_store

    store = open_store(None, root)
    complete = points(store, STUDY)
    infos = [store.client.get_run(point.run_id).info for point in complete]
    runs = sum((info.end_time - info.start_time) / 1000 for info in infos)
    train = sum(point.metrics.get("time/train_seconds", 0.0) for point in complete)
    return runs, train, sum(point.metrics.get(name, 0.0) for point in complete for name in EVALUATION)


if __name__ == "__main__":
    main()
