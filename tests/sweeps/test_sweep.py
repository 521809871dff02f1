"""Sweeps through the real command line, each job a process of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.tracking.query import points
from src.tracking.store import open_store

ROOT = Path(__file__).parents[2]
TINY = [
    "study=s",
    "model.size=s",
    "model.init=random",
    "benchmark.test_limit=12",
    "benchmark.max_new_tokens=12",
    "recipe.epochs=null",
    "recipe.until=null",
    "recipe.search=[]",
    "recipe.steps=12",
    "recipe.min_steps=1",
    "recipe.batch_size=4",
    "trainer.checkpoint_every_steps=2",
]


def command(root, *overrides, multirun=True, prefix=""):
    arguments = [*(["-m"] if multirun else []), *TINY, f"tracking.root={root}", *overrides]
    arguments += [f"hydra.sweep.dir={root.parent / 'multirun'}", f"hydra.run.dir={root.parent / 'single'}"]
    return [sys.executable, "src/train.py", *arguments]


def run(root, *overrides, **keywords):
    return subprocess.run(command(root, *overrides, **keywords), cwd=ROOT, capture_output=True, text=True)


@contextmanager
def at_its_first_checkpoint(root, arguments):
    """The process once a checkpoint of it is there; it is gone at the end, whatever happens."""
    process = subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        while not list(root.glob("work/**/*.ckpt")):
            assert process.poll() is None, "it ended before its first checkpoint"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def scientific(root):
    """Every point's metrics that are not about time or the machine, by what the point is."""
    store = open_store(None, root)
    excluded = ("time/", "second", "system/")
    return {
        (p.model, p.n_examples, p.seed): {k: v for k, v in p.metrics.items() if not any(of in k for of in excluded)}
        for p in points(store, "s")
    }


def runs_of_kind(root, kind):
    store = open_store(None, root)
    experiment = store.client.get_experiment_by_name("s").experiment_id
    return store.client.search_runs([experiment], filter_string=f"tags.`fathom.kind` = '{kind}'")


@pytest.mark.slow
def test_a_sweep_killed_in_the_middle_ends_with_the_numbers_of_an_undisturbed_one(tmp_path):
    sweep = ["n_examples=0,4,9", "seed=0", "hydra.launcher.n_jobs=2"]
    undisturbed = tmp_path / "a" / "mlruns"
    result = run(undisturbed, *sweep)
    assert result.returncode == 0, result.stdout + result.stderr

    root = tmp_path / "b" / "mlruns"
    with at_its_first_checkpoint(root, command(root, *sweep)) as process:
        process.kill()  # SIGKILL: nothing can be tidied up
    assert len(scientific(root)) < 3

    result = run(root, *sweep)
    assert result.returncode == 0, result.stdout + result.stderr
    assert scientific(root) == scientific(undisturbed)
    assert len(scientific(root)) == 3
    finished = [r for r in runs_of_kind(root, "finetune") if r.data.tags.get("fathom.complete") == "true"]
    assert len({r.data.tags["fathom.key"] for r in finished}) == len(finished) == 3

    (parent,) = runs_of_kind(root, "sweep")
    assert {r.data.tags["mlflow.parentRunId"] for r in finished} == {parent.info.run_id}
    curve = open_store(None, root).client.get_metric_history(parent.info.run_id, "nll/tiny_llama3-s arithmetic")
    assert {point.step: point.value for point in curve} == {
        n: metrics["eval/nll"] for (_, n, _), metrics in scientific(root).items()
    }

    # As if the process of one had been killed right after its completion.
    of_one = finished[0]
    store = open_store(None, root)
    store.client.update_run(of_one.info.run_id, status="RUNNING")
    left = [root / "spool" / f"{of_one.info.run_id}.jsonl", root / "work" / of_one.data.tags["fathom.weights"] / "file"]
    for file in left:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    again = run(root, *sweep)
    assert "3 points, 3 of them complete already" in " ".join(again.stdout.split())
    assert {r.info.status for r in runs_of_kind(root, "finetune")} == {"FINISHED"}
    assert len(runs_of_kind(root, "finetune")) == 3
    assert not any(file.exists() for file in left)


@pytest.mark.slow
def test_a_sweep_over_studies_has_a_parent_in_each(tmp_path):
    root = tmp_path / "mlruns"
    result = run(root, "study=s,t", "n_examples=0,4", "recipe.steps=2")
    assert result.returncode == 0, result.stdout + result.stderr
    store = open_store(None, root)
    assert [len(points(store, study)) for study in ("s", "t")] == [2, 2]
    (parent,) = runs_of_kind(root, "sweep")
    assert {r.data.tags["mlflow.parentRunId"] for r in runs_of_kind(root, "finetune")} == {parent.info.run_id}


@pytest.mark.slow
def test_sizes_beyond_one_benchmarks_pool_are_left_out_of_its_curve_alone(tmp_path):
    root = tmp_path / "mlruns"
    sweep = ["benchmark=arithmetic,new_knowledge", "n_examples=4,5001", "recipe.steps=1"]
    result = run(root, *sweep)
    assert result.returncode == 0, result.stderr
    assert "left out: n_examples: 5001 were asked for, but the pool of new_knowledge holds 5000" in " ".join(
        result.stdout.split()
    )
    measured = [(point.benchmark, point.n_examples) for point in points(open_store(None, root), "s")]
    assert measured == [("arithmetic", 4), ("arithmetic", 5001), ("new_knowledge", 4)]
    alone = run(root, "benchmark=new_knowledge", "n_examples=4,5001", "recipe.steps=1")
    assert alone.returncode == 1 and "holds 5000 examples" in alone.stderr


def test_a_failed_point_leaves_the_others_and_is_told_at_the_end(tmp_path):
    root = tmp_path / "mlruns"
    sweep = ["n_examples=0,4", "recipe.lr=1e-3,1e30", "recipe.grad_clip=1e30", "hydra.launcher.n_jobs=2"]
    result = run(root, *sweep, "hydra.sweep.subdir='lr=${recipe.lr},n=${n_examples}'")  # as override_dirname makes them
    assert result.returncode == 1
    assert "training diverged: the gradient is" in " ".join(result.stdout.split())
    assert "Traceback" not in result.stderr
    assert [n for _, n, _ in scientific(root)] == [0, 4]
    failed = [r for r in runs_of_kind(root, "finetune") if r.info.status == "FAILED"]
    assert [r.data.tags["fathom.failure"][:17] for r in failed] == ["training diverged"]

    # The base was measured once, and both curves begin with it.
    assert len(runs_of_kind(root, "finetune")) == 3
    (parent,) = runs_of_kind(root, "sweep")
    client = open_store(None, root).client
    curves = [name for name in parent.data.metrics if name.startswith("nll/")]
    sizes = [[point.step for point in client.get_metric_history(parent.info.run_id, curve)] for curve in curves]
    assert sorted(map(sorted, sizes)) == [[0], [0, 4]]


@pytest.mark.slow
def test_a_full_disk_at_checkpoint_time_fails_the_run_and_a_later_try_completes_it(tmp_path):
    root = tmp_path / "mlruns"
    open_store(None, root)  # the database is there before the disk fills up
    # The largest file this process may write: the database fits, a checkpoint (3.7 MB) does not.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, 2_500_000))\n"
    script = f"{limit}import sys, runpy\nsys.path.insert(0, 'src')\nsys.argv = {command(root, multirun=False)[1:]!r}\n"
    script += "runpy.run_path('src/train.py', run_name='__main__')\n"
    full = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"n": "4"}
    )
    assert full.returncode == 1
    assert "error: the disk is full or a limit was reached while writing" in full.stderr
    assert "Traceback" not in full.stderr
    (failed,) = runs_of_kind(root, "finetune")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["fathom.failure"].startswith("the disk is full or a limit was reached")
    assert scientific(root) == {}

    assert run(root, multirun=False).returncode == 0
    assert len(scientific(root)) == 1
    assert [r.info.run_id for r in runs_of_kind(root, "finetune")] == [failed.info.run_id]


@pytest.mark.slow
def test_ctrl_c_leaves_a_point_resumable(tmp_path):
    root = tmp_path / "mlruns"
    with at_its_first_checkpoint(root, command(root, "n_examples=8", "recipe.steps=20000", multirun=False)) as process:
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode != 0
    (killed,) = runs_of_kind(root, "finetune")
    assert killed.info.status == "KILLED"
    assert list(root.glob("work/**/*.ckpt"))


@pytest.mark.slow
def test_two_data_parallel_ranks_give_the_result_of_one(tmp_path):
    root = tmp_path / "mlruns"
    common = ["n_examples=9", "trainer.micro_batch_tokens=300", "recipe.max_length=256"]
    one = run(root, *common, multirun=False)
    two = run(root, *common, "trainer.devices=2", multirun=False)
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    nll = [p.metrics["eval/nll"] for p in points(open_store(None, root), "s")]
    assert len(nll) == 2
    assert nll[0] == pytest.approx(nll[1], rel=1e-4)


@pytest.mark.slow
def test_two_ranks_converge_at_the_same_step_as_one_and_choose_the_same_learning_rate(tmp_path):
    root = tmp_path / "mlruns"
    until = "recipe.until={first_check: 3, check_growth: 1.4, patience: 1.5, standard_errors: 0, max_steps: 15}"
    common = ["n_examples=6", "recipe.steps=null", until, "recipe.search=[1e-3,1e-2]", "recipe.val_examples=40"]
    one = run(root, *common, multirun=False)
    two = run(root, *common, "trainer.strategy=ddp", "trainer.devices=2", multirun=False)
    assert (one.returncode, two.returncode) == (0, 0), two.stderr
    first, second = (p.metrics for p in points(open_store(None, root), "s"))
    for metric in (
        "train/optimizer_steps",
        "train/total_steps",
        "train/best_lr",
        "train/bound_hit",
        "data/val_examples",
    ):
        assert first[metric] == second[metric]
    assert first["val/loss"] == pytest.approx(second["val/loss"], rel=1e-4)
    assert first["eval/nll"] == pytest.approx(second["eval/nll"], rel=1e-4)


def test_a_tracking_server_that_does_not_answer_is_named(tmp_path):
    result = run(tmp_path / "mlruns", "tracking.uri=http://127.0.0.1:9", multirun=False)
    assert result.returncode == 75  # try again later
    assert "http://127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_hub_model_without_the_hub_says_what_would_help(tmp_path):
    result = subprocess.run(
        [
            *(sys.executable, "src/train.py", "model=llama3_8b"),
            *(f"tracking.root={tmp_path / 'mlruns'}", f"hydra.run.dir={tmp_path}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )
    assert result.returncode == 1
    for part in ("meta-llama/Meta-Llama-3-8B", "HF_TOKEN", "model.path", "licence"):
        assert part in result.stderr
    assert "Traceback" not in result.stderr
