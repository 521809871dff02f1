"""Seconds that each phase of `src/analyze.py` takes on a study of 10,000 runs in SQLite.

    python bench/analysis.py [replicates]

The study (10 models × 5 benchmarks × 4 recipes, each a curve of 10 sizes × 5 seeds; 40 params, 55 metrics and the
values of 1,000 test items a run) is written straight into MLflow's tables, once, and kept under multirun/; no such run
was ever trained.
"""

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from src.config.analyze import AnalyzeConfig
from src.config.tracking import Tracking
from src.scaling.laws import LAWS
from src.study import findings
from src.tasks import analyze as analysis
from src.tracking import tags as tag
from src.tracking.relocation import local_path
from src.tracking.store import ITEMS as ITEMS_FILE
from src.tracking.store import open_store

ROOT = Path("multirun/bench-analysis")
MODELS, BENCHMARKS, RECIPES = 10, 5, 4
SIZES = (0, 10, 32, 100, 316, 1000, 3162, 10_000, 31_623, 100_000)
SEEDS = 5
ITEMS = 1000
# Where each phase is called; the forecasts are a part of what is found.
PHASES = {
    "open_store": analysis,
    "points": analysis,
    "curves_of": analysis,
    "measured": analysis,
    "analyse": analysis,
    "forecasts": findings,
    "through_the_loss": findings,
    "find": analysis,
    "write_report": analysis,
}


def make_study(root: Path) -> None:
    """The study `big` under `root`, with accuracies of a power law with floor in the error."""
    store = open_store(None, root)
    assert store.database is not None
    experiment = store.experiment("big")
    draw = np.random.default_rng(0)
    with closing(sqlite3.connect(store.database)) as connection:
        run = store.client.create_run(experiment).info.run_id
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        row = connection.execute("SELECT * FROM runs WHERE run_uuid = ?", [run]).fetchone()
        blank = dict(zip(columns, row, strict=True)) | {"status": "FINISHED", "end_time": 1}
        number = 0
        for model in range(MODELS):
            for benchmark in range(BENCHMARKS):
                for recipe in range(RECIPES):
                    exponent = 0.15 + 0.03 * benchmark + 0.005 * model + 0.02 * draw.standard_normal()
                    for n in SIZES:
                        for seed in range(SEEDS):
                            number += 1
                            error = 0.1 + 0.85 * (1 + n) ** -exponent
                            params = _params(model, benchmark, recipe, n, seed)
                            run_id, metrics = f"{number:032x}", _metrics(error, n, draw)
                            artifacts = local_path(str(blank["artifact_uri"]).replace(run, run_id))
                            artifacts.mkdir(parents=True)
                            safetensors.numpy.save_file(_items(metrics, draw), artifacts / ITEMS_FILE)
                            row = blank | {"artifact_uri": artifacts.as_uri()}
                            _insert(connection, row, run_id, params, metrics)
        connection.commit()
    store.client.delete_run(run)


def _params(model: int, benchmark: int, recipe: int, n: int, seed: int) -> dict[str, str]:
    place = {"model": f"model{model}", "benchmark": f"benchmark{benchmark}", "method": "full"}
    constant = {f"trainer.setting{i}": str(i) for i in range(30)}
    follows = {f"{kind}.setting": value for kind, value in place.items()}
    return {
        **place, **follows, **constant, "recipe": f"recipe{recipe}", "recipe.lr": str(recipe / 1000),
        "n_examples": str(n), "seed": str(seed), "digest.code": "c", "digest.base": f"b{model}",
        "digest.data": f"d{benchmark}",
    }  # fmt: skip


def _metrics(error: float, n: int, draw: np.random.Generator) -> dict[str, float]:
    accuracy = draw.binomial(ITEMS, np.clip(1 - error + 0.01 * draw.standard_normal(), 0, 1)) / ITEMS
    form = 0.6 / (1 + n / 10) * (1 - accuracy)
    nll = 0.2 + 2 * (10 + n) ** -0.3 * np.exp(0.02 * draw.standard_normal())
    metrics = {
        "eval/accuracy": accuracy, "eval/accuracy_stderr": np.sqrt(accuracy * (1 - accuracy) / ITEMS),
        "eval/nll": nll, "eval/nll_stderr": 0.01 * nll, "eval/n_items": ITEMS, "eval/chance": 0.02,
        "eval/format_error_rate": form, "eval/reasoning_error_rate": 1 - accuracy - form, "n_examples": n,
    }  # fmt: skip
    for other in range(BENCHMARKS):
        score = draw.binomial(ITEMS, 0.2) / ITEMS
        metrics |= {f"also/benchmark{other}/accuracy": score, f"also/benchmark{other}/accuracy_stderr": 0.0126}
        metrics |= {f"also/benchmark{other}/{name}": 0.1 for name in ("n_items", "nll", "nll_stderr", "chance")}
    return metrics | {f"system/reading{i}": float(i) for i in range(16)}


def _items(metrics: dict[str, float], draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Values by test item whose means are about the metrics."""
    right = np.zeros(ITEMS, dtype=np.uint8)
    right[: round(ITEMS * metrics["eval/accuracy"])] = 1
    form = np.zeros(ITEMS, dtype=np.uint8)
    form[ITEMS - round(ITEMS * metrics["eval/format_error_rate"]) :] = 1
    losses = metrics["eval/nll"] * draw.gamma(4.0, 0.25, ITEMS)
    return {
        "eval/accuracy": right,
        "eval/format_error_rate": form,
        "eval/reasoning_error_rate": 1 - np.maximum(right, form),
        "eval/nll": losses.astype(np.float32),
    }


def _insert(
    connection: sqlite3.Connection,
    blank: dict[str, object],
    run: str,
    params: dict[str, str],
    metrics: dict[str, float],
) -> None:
    row = blank | {"run_uuid": run, "name": run}
    connection.execute(f"INSERT INTO runs VALUES ({','.join('?' * len(row))})", list(row.values()))
    tags = {tag.KIND: "finetune", tag.COMPLETE: "true", tag.KEY: run}
    for table, values in (("tags", tags), ("params", params)):
        connection.executemany(
            f"INSERT INTO {table} (run_uuid, key, value) VALUES (?, ?, ?)", [(run, *item) for item in values.items()]
        )
    connection.executemany(
        "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, 1, 0, 0)",
        [(run, name, float(value)) for name, value in metrics.items()],
    )


def main(replicates: int) -> None:
    if not (ROOT / "mlruns/made").exists():
        started = time.perf_counter()
        make_study(ROOT / "mlruns")
        (ROOT / "mlruns/made").touch()
        print(f"study made in {time.perf_counter() - started:.0f} s")
    # Another random seed each time, since the same analysis again is not logged again.
    config = AnalyzeConfig(
        study="big", metrics=["eval/accuracy", "eval/nll"], laws=[law.name for law in LAWS],
        replicates=replicates, confidence=0.9,
        seed=time.time_ns() % 2**32, out=ROOT / "out", log_level="warning",
        tracking=Tracking(uri=None, root=ROOT / "mlruns", flush_seconds=10, patience_seconds=0),
    )  # fmt: skip
    seconds: dict[str, float] = {}
    for phase, module in PHASES.items():
        setattr(module, phase, _timed(phase, getattr(module, phase), seconds))
    started = time.perf_counter()
    analysis.fit_laws(config)
    total = time.perf_counter() - started
    seconds["find"] -= seconds["forecasts"] + seconds["through_the_loss"]
    for phase, spent in {**seconds, "printing and logging": total - sum(seconds.values())}.items():
        print(f"{phase:>22} {spent:6.1f} s")
    fits = seconds["analyse"] + seconds["forecasts"] + seconds["through_the_loss"]
    print(f"{'end to end':>22} {total:6.1f} s, {total - fits:.1f} s without the fits")


def _timed(phase: str, function: Callable[..., Any], seconds: dict[str, float]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - started

    return run


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
