"""What is seen of a sweep while it runs: on its MLflow run, in a terminal, from another shell."""

import io
import time

import pytest
from rich.console import Console

from src.config.status import StatusConfig
from src.points.point import identify
from src.sweeps.attempts import Attempt, Outcome, Result
from src.sweeps.curves import Curves
from src.sweeps.executors.executor import Task
from src.sweeps.show import Show, place_of
from src.tasks.status import look, status
from src.tracking.query import points as complete_points
from src.tracking.query import points_with
from src.tracking.runs import claim
from src.tracking.store import open_store
from src.tracking.sweeps import PLAN, open_sweep

METRICS = {"eval/accuracy": 0.5, "eval/nll": 1.0, "time/train_seconds": 30.0, "time/generate_seconds": 10.0}


@pytest.fixture
def points(toy):
    made = [identify(toy(n_examples=n, seed=seed)) for n in (3, 4) for seed in (0, 1)]
    return {point.key: point for point in made}


@pytest.fixture
def store(toy, points):
    return open_store(None, next(iter(points.values())).config.tracking.root, flush_seconds=0.1)


@pytest.fixture
def parent(store, points):
    sweep = open_sweep(store, "toy", "sweep", "a sweep")
    plan = {k: {"name": p.name, "place": place_of(p), "n_examples": p.config.n_examples} for k, p in points.items()}
    sweep.log_dict(plan, PLAN)
    return sweep


def claimed(store, parent, point):
    return claim(
        store,
        key=point.key,
        kind="finetune",
        name=point.name,
        study="toy",
        parent=parent.id,
        params=point.params,
    )


def complete(store, parent, point, **metrics):
    with claimed(store, parent, point) as run:
        run.complete(METRICS | {f"eval/{name}": value for name, value in metrics.items()})


def attempt(point, tmp_path):
    task = Task(point.name, tmp_path / "script.py", [], {}, tmp_path / "log.txt")
    return Attempt(point, task, begun=False, since=time.monotonic())


def test_a_mean_is_drawn_once_no_seed_of_it_is_left(points, store, parent):
    less, other_less, more, other_more = points.values()
    curves = Curves(list(points.values()), parent, points.keys(), [])

    def drawn():
        history = store.client.get_metric_history(parent.id, "accuracy/tiny_llama3-s echo")
        return [(metric.step, metric.value) for metric in history]

    complete(store, parent, less, accuracy=0.2)
    curves.ended(Result(less, Outcome.COMPLETE))
    assert drawn() == []
    complete(store, parent, other_less, accuracy=0.4)
    curves.ended(Result(other_less, Outcome.COMPLETE))
    assert drawn() == [(3, pytest.approx(0.3))]
    curves.ended(Result(more, Outcome.FAILED))
    complete(store, parent, other_more, accuracy=0.9)
    curves.ended(Result(other_more, Outcome.COMPLETE))
    assert drawn() == [(3, pytest.approx(0.3)), (4, 0.9)]
    assert [n for n, _ in curves.draw(parent)[("tiny_llama3-s", "echo")]["accuracy"]] == [3, 4]
    assert len(drawn()) == 2, "what is drawn is not drawn again"


def test_what_was_complete_before_is_drawn_and_what_ends_is_read_by_its_key(points, store, parent):
    less, other_less, *_ = points.values()
    complete(store, parent, less, accuracy=0.2)
    known = complete_points(store, "toy")
    curves = Curves([less, other_less], parent, {other_less.key}, known)
    complete(store, parent, other_less, accuracy=0.4)
    assert [record.key for record in points_with(store, "toy", [other_less.key, "of no run"])] == [other_less.key]
    curves.ended(Result(other_less, Outcome.COMPLETE))
    assert curves.draw(parent)[("tiny_llama3-s", "echo")]["accuracy"] == [(3, pytest.approx(0.3))]


def test_it_is_seen_from_another_shell_while_it_runs_and_when_it_has_ended(points, store, parent, toy, capsys):
    less, other_less, more, _ = points.values()
    complete(store, parent, less)
    with pytest.raises(ValueError), claimed(store, parent, other_less):
        raise ValueError("no luck")
    with claimed(store, parent, more) as run:
        run.log_metrics({"train/loss": 2.5}, 6)
        run.log_metrics({"train/loss": 2.25}, 7)
        while True:
            view, running = look(store, "toy")
            (at_work,) = view.running
            if at_work.step == 7:
                break
            time.sleep(0.05)
        assert running and (at_work.name, at_work.loss) == (more.name, 2.25)
        assert view.total == 4
        assert {what: count for what, count in view.counts.items() if count} == {
            **{"complete": 1, "failed": 1, "running": 1, "waiting": 1}
        }
        assert view.failed == [(other_less.name, "ValueError: no luck")]
        assert view.seconds_left is not None and view.seconds_left <= 80.0  # two points that take 40 s
        assert f"running {more.name}, step 7, loss 2.250" in view.words()
        run.complete(METRICS)
    parent.close("FAILED")
    config = StatusConfig(study="toy", watch_seconds=None, tracking=toy().tracking, log_level="info")
    status(config)
    said = capsys.readouterr().out
    assert "a sweep (failed): 4 points · 2 complete · 1 failed · 1 waiting" in said
    assert f"failed {other_less.name}: ValueError: no luck" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_all_a_pipe_a_line_a_point_and_the_run_has_a_note(points, store, parent, tmp_path, terminal):
    less, failed, more, waiting = points.values()
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with claimed(store, parent, more) as run:
        run.log_metrics({"train/loss": 2.25}, 7)
        while not store.client.get_metric_history(run.id, "train/loss"):
            time.sleep(0.05)
        with Show(console, "a sweep", "toy", parent, reused=0, left=4, costs=[]) as show:
            show.ended(Result(less, Outcome.COMPLETE, 60.0))
            show.ended(Result(failed, Outcome.FAILED, 2.0, "no luck"))
            show.tick([attempt(more, tmp_path)], [attempt(waiting, tmp_path)])
        run.complete()
    shown = console.file.getvalue()
    assert f"[1/4] {less.name}: complete in 60 s\n" in shown
    assert f"[2/4] {failed.name}: failed in 2 s\n" in shown
    note = store.client.get_run(parent.id).data.tags["mlflow.note.content"]
    assert note.startswith("a sweep: 4 points · 1 complete · 1 failed · 1 running · 1 waiting · about 2 min left")
    for said in ("step 7", "loss 2.250", "no luck"):
        assert said in note
        assert (said in shown) == terminal
