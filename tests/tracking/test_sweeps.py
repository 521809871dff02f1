import math
import subprocess
from collections.abc import Callable
from pathlib import Path

from src.tracking import tags as tag
from src.tracking.runs import claim
from src.tracking.store import Store
from src.tracking.sweeps import open_sweep


def history(store: Store, run_id: str, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in store.client.get_metric_history(run_id, metric)]


def test_the_same_sweep_is_the_same_run(store: Store) -> None:
    sweep = open_sweep(store, "s", "key1", "a sweep", params={"n_examples": [0, 10]})
    sweep.close("FINISHED")
    run = store.client.get_run(sweep.id)
    assert (run.info.status, run.info.run_name, run.data.params) == ("FINISHED", "a sweep", {"n_examples": "[0, 10]"})
    assert (run.data.tags[tag.KIND], run.data.tags[tag.KEY], run.data.tags[tag.COMPLETE]) == ("sweep", "key1", "true")

    again = open_sweep(store, "s", "key1", "a sweep", params={"n_examples": [0, 10]})
    assert again.id == sweep.id
    run = store.client.get_run(sweep.id)
    assert run.info.status == "RUNNING"
    assert tag.COMPLETE not in run.data.tags
    again.close("FAILED")
    assert store.client.get_run(sweep.id).info.status == "FAILED"
    assert open_sweep(store, "s", "key2", "another").id != sweep.id


def test_a_curve_is_drawn_once(store: Store) -> None:
    sweep = open_sweep(store, "s", "key1", "a sweep")
    sweep.log_curve("curve/acc", [(0, 0.0), (10, 0.1)])
    sweep.log_curve("curve/acc", [(0, 0.0), (10, 0.1), (100, math.nan)])
    sweep.log_curve("curve/acc", [(0, 0.0), (10, 0.1), (100, math.nan)])
    assert [step for step, _ in history(store, sweep.id, "curve/acc")] == [0, 10, 100]
    sweep.log_curve("curve/acc", [(10, 0.2)])
    sweep.log_curve("curve/acc", [(10, 0.2)])
    assert sorted(history(store, sweep.id, "curve/acc"))[1:3] == [(10, 0.1), (10, 0.2)]


def test_points_are_its_children(store: Store) -> None:
    sweep = open_sweep(store, "s", "key1", "a sweep")
    with claim(store, key="p", kind="finetune", name="p", study="s", parent=sweep.id) as run:
        run.complete()
    children = store.client.search_runs([store.experiment("s")], f"tags.`{tag.PARENT}` = '{sweep.id}'")
    assert [child.info.run_id for child in children] == [run.id]


OPEN = """
import sys
from pathlib import Path
from src.tracking.store import open_store
from src.tracking.sweeps import open_sweep
print(open_sweep(open_store(None, Path(sys.argv[1])), "s", "key1", "a sweep", params={"a": 1}).id)
"""


def test_opened_by_several_processes_at_once(root: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    processes = [start(OPEN, root) for _ in range(2)]
    ended = [(*process.communicate(), process.returncode) for process in processes]
    assert [code for _, _, code in ended] == [0, 0], ended
    assert len({out for out, _, _ in ended}) == 1
