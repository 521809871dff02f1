"""What becomes of points that fail, hang or are killed: real processes, of scripts instead of points."""

import pytest

from src.points.point import identify
from src.sweeps.attempts import Attempt, Outcome, Watcher, run_attempts
from src.sweeps.executors import local
from src.sweeps.executors.local import LocalProcesses
from src.sweeps.launcher import Launcher

FAIL = "print('progress'); print('error: the loss is NaN'); raise SystemExit(1)"
# Ends with the status on its first try and well on its second.
ONCE = """
from pathlib import Path
import os, signal, sys
tried = Path(__file__).with_name("tried")
if not tried.exists():
    tried.touch()
    {}
"""


@pytest.fixture
def run(toy, task):
    """run({"name": code}, retries=1): the results by name, in the order of their ends."""
    point = identify(toy())

    def run(codes, n_jobs=2, watchers=(), limit_seconds=None, **options):
        made = [
            Attempt(point, task(name, code, limit_seconds=limit_seconds), begun=False) for name, code in codes.items()
        ]
        launcher = Launcher(**{"retry_after_seconds": 0, **options})
        results = run_attempts(made, LocalProcesses(n_jobs), launcher, watchers)
        assert len(results) == len(codes)
        return results

    return run


def test_a_failed_point_stops_no_other_and_says_why(run):
    first, second, third = run({"a": FAIL, "b": "", "c": "1 / 0"}, n_jobs=1)
    assert (first.outcome, first.reason) == (Outcome.FAILED, "the loss is NaN")
    assert second.outcome is Outcome.COMPLETE
    assert (third.outcome, third.reason) == (Outcome.FAILED, "ZeroDivisionError: division by zero")
    assert third.log is not None and "Traceback" in third.log.read_text()


def test_after_so_many_failures_nothing_more_is_started(run):
    results = run({"a": FAIL, "b": "", "c": FAIL, "d": "", "e": ""}, n_jobs=1, max_failures=2)
    assert [str(result.outcome) for result in results] == ["failed", "complete", "failed", "not run", "not run"]
    assert "max_failures=2" in results[-1].reason


@pytest.mark.parametrize(
    "end",
    ["sys.exit(75)", "os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(143)"],
    ids=["away", "killed", "told to end"],
)
def test_an_infrastructure_error_is_tried_again_and_the_first_log_is_kept(run, end, tmp_path):
    told = []

    class Told(Watcher):
        def again(self, attempt, reason, seconds):
            told.append((reason, seconds))

    (result,) = run({"a": ONCE.format(end)}, watchers=[Told()], retry_after_seconds=0.1)
    assert result.outcome is Outcome.COMPLETE
    assert [seconds for _, seconds in told] == [0.1]
    assert (tmp_path / "a" / "log.1.txt").exists()


def test_tries_come_to_an_end_and_the_waits_grow(run):
    waits = []

    class Told(Watcher):
        def again(self, attempt, reason, seconds):
            waits.append(seconds)

    code = "print('error: no server answers'); raise SystemExit(75)"
    (result,) = run({"a": code}, watchers=[Told()], retries=2, retry_after_seconds=0.05)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "no server answers (3 tries)")
    assert waits == [0.05, 0.1]


def test_what_the_point_did_wrong_is_not_tried_again(run):
    (result,) = run({"a": ONCE.format("sys.exit(1)")})
    assert result.outcome is Outcome.FAILED


def test_what_is_finished_and_unsynced_is_no_failure_and_not_complete(run):
    (result,) = run({"a": "print('error: kept'); raise SystemExit(76)"}, max_failures=1)
    assert result.outcome is Outcome.UNSYNCED and not result.outcome.good


def test_what_hangs_beyond_its_limit_is_killed_with_all_that_it_started(run, monkeypatch):
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.2)
    hang = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    (result,) = run({"a": hang}, limit_seconds=0.2)
    assert result.outcome is Outcome.FAILED and "hung" in result.reason


def test_a_sweep_that_is_interrupted_leaves_no_process(run, task):
    class Interrupt(Watcher):
        def tick(self, running, waiting):
            if running and (running[0].task.log.parent / "ready").exists():
                raise KeyboardInterrupt

    code = """
import signal, sys, time
from pathlib import Path
def end(*_):
    Path(__file__).with_name("ended in order").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
Path(__file__).with_name("ready").touch()
time.sleep(600)
"""
    with pytest.raises(KeyboardInterrupt):
        run({"a": code, "b": code}, n_jobs=1, watchers=[Interrupt()])
    assert (task.folder / "a" / "ended in order").exists()
    assert not (task.folder / "b" / "log.txt").exists()
