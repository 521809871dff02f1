import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.query import download
from src.tracking.runs import Run, claim
from src.tracking.store import Store, open_store

Start = Callable[..., "subprocess.Popen[str]"]


def claimed(store: Store, key: str = "k1", **more: Any) -> Any:
    return claim(store, key=key, kind="finetune", name=f"point {key}", study="s", **more)


def stored(store: Store, run_id: str) -> MlflowRun:
    return store.client.get_run(run_id)


def losses(store: Store, run_id: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in store.client.get_metric_history(run_id, "train/loss")]


def all_runs(store: Store) -> list[MlflowRun]:
    return list(store.client.search_runs([store.experiment("s")]))


# --- an undisturbed life -----------------------------------------------------------------------------------------


def test_a_complete_run_holds_everything(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("w")
    params = {"model": "m", "recipe": {"lr": 1e-3, "epochs": None, "packing": True}, "sizes": [1, 2]}
    with claimed(store, params=params, tags={"fathom.config": "abc"}, parent="0123") as run:
        assert (run.already_complete, run.resumed, run.last_failure) == (False, False, None)
        assert stored(store, run.id).info.status == "RUNNING"
        for step in range(2_500):
            run.log_metrics({"train/loss": float(step)}, step)
        run.log_artifacts(tmp_path / "model", "model")
        run.log_dict({"a": [1]}, "config.json")
        run.log_dataset("gsm8k", "f" * 64, "/data/gsm8k", "training", n_rows=10)
        assert tag.COMPLETE not in stored(store, run.id).data.tags
        run.complete({"eval/accuracy": 0.5})

    kept = stored(store, run.id)
    assert (kept.info.status, kept.info.run_name, kept.info.end_time is not None) == ("FINISHED", "point k1", True)
    assert kept.data.params == {
        "model": "m",
        "recipe.lr": "0.001",
        "recipe.epochs": "null",
        "recipe.packing": "true",
        "sizes": "[1, 2]",
    }
    assert kept.data.metrics == {"train/loss": 2499.0, "eval/accuracy": 0.5}
    assert len(losses(store, run.id)) == 2_500
    expected = {tag.KIND: "finetune", tag.KEY: "k1", tag.COMPLETE: "true", tag.PARENT: "0123", "fathom.config": "abc"}
    assert expected.items() <= kept.data.tags.items()
    assert {"fathom.host", "fathom.device", "fathom.versions"} <= kept.data.tags.keys()
    assert json.loads(kept.data.tags["fathom.versions"]).keys() >= {"python", "torch", "mlflow"}
    assert kept.inputs is not None
    (dataset,) = kept.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest, dataset.tags[0].value) == ("gsm8k", "f" * 36, "training")
    assert run.metrics() == kept.data.metrics
    download(store, run.id, "model", tmp_path / "copy" / "model")
    assert (tmp_path / "copy" / "model" / "weights").read_text() == "w"
    assert list((store.root / "spool").iterdir()) == []


def test_runs_that_log_the_same_dataset_at_once_all_have_it(store: Store) -> None:
    together, datasets = 6, [f"{name} pool" for name in "abcdefgh"]
    barrier = threading.Barrier(together)

    def log(key: str) -> str:
        with claimed(store, key) as run:
            for name in datasets:
                barrier.wait(60)
                run.log_dataset(name, "f" * 64, "/data", "training", n_rows=10)
            run.complete()
        return str(run.id)

    with ThreadPoolExecutor(together) as pool:
        ids = list(pool.map(log, map(str, range(together))))
    for run_id in ids:
        assert sorted(used.dataset.name for used in stored(store, run_id).inputs.dataset_inputs) == datasets


def test_a_finished_key_is_the_result(store: Store) -> None:
    with claimed(store, params={"a": 1}) as run:
        run.complete({"eval/accuracy": 0.5})
    before = stored(store, run.id)
    with claimed(store, params={"a": 1}) as again:
        assert again.already_complete
        assert again.id == run.id
        assert again.metrics() == {"eval/accuracy": 0.5}
        with pytest.raises(FathomError, match="is complete: nothing may be logged"):
            again.log_metrics({"x": 1.0}, 0)
    after = stored(store, run.id)
    assert (after.data.to_dictionary(), after.info.end_time) == (before.data.to_dictionary(), before.info.end_time)
    assert len(all_runs(store)) == 1


def test_other_keys_and_other_studies_have_their_own_runs(store: Store) -> None:
    identifiers = set()
    for key, study in (("k1", "s"), ("k2", "s"), ("k1", "t")):
        with claim(store, key=key, kind="finetune", name=key, study=study) as run:
            assert not run.already_complete
            run.complete()
        identifiers.add(run.id)
    assert len(identifiers) == 3


def test_metrics_are_written_while_the_run_goes_on(store: Store) -> None:
    with claimed(store) as run:
        run.log_metrics({"train/loss": 1.0}, 0)
        while not losses(store, run.id):
            time.sleep(0.05)
        run.complete()


def test_tables_are_replaced_and_read_by_mlflow_itself(store: Store) -> None:
    with claimed(store) as run:
        run.log_table("predictions", [{"a": 1}, {"a": 2}])
        run.log_table("predictions", [{"a": 3, "b": "x"}])
        run.log_table("other", [])
        run.complete()
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store.uri)  # load_table searches there
    try:
        table = store.client.load_table(store.experiment("s"), "predictions.json", run_ids=[run.id])
    finally:
        mlflow.set_tracking_uri(before)
    assert table.to_dict("records") == [{"a": 3, "b": "x"}]
    listed = json.loads(stored(store, run.id).data.tags["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in listed] == ["predictions.json", "other.json"]


# --- failure and interruption ------------------------------------------------------------------------------------


def test_an_exception_fails_the_run_with_a_sentence(store: Store) -> None:
    with pytest.raises(FathomError), claimed(store, params={"a": 1}) as run:
        run.log_metrics({"train/loss": 1.0}, 0)
        raise FathomError("the loss is NaN at step 3:\n lower recipe.lr")
    failed = stored(store, run.id)
    assert failed.info.status == "FAILED"
    assert failed.data.tags[tag.FAILURE] == "the loss is NaN at step 3: lower recipe.lr"
    assert tag.COMPLETE not in failed.data.tags
    assert losses(store, run.id) == [(0, 1.0)]

    with claimed(store, params={"a": 1}) as retry:
        assert retry.id == run.id
        assert retry.resumed
        assert retry.last_failure == "the loss is NaN at step 3: lower recipe.lr"
        assert stored(store, run.id).info.status == "RUNNING"
        retry.complete()
    kept = stored(store, run.id)
    assert (kept.info.status, tag.FAILURE in kept.data.tags, kept.data.params) == ("FINISHED", False, {"a": "1"})


def test_failure_sentences_hold_no_secrets(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh123")
    with (
        pytest.raises(OSError, match="disk"),
        claimed(store, params={"url": "https://u:p@h"}, tags={"t": "hf_abcdefgh123"}) as run,
    ):
        raise OSError("no space on disk https://me:pw@host hf_abcdefgh123 " + "x" * 5_000)
    kept = stored(store, run.id).data
    assert kept.tags[tag.FAILURE].startswith("OSError: no space on disk https://***@host *** xxx")
    assert len(kept.tags[tag.FAILURE]) <= 1_000
    assert (kept.params["url"], kept.tags["t"]) == ("https://***@h", "***")


def test_a_body_that_ends_without_completing_fails(store: Store) -> None:
    with pytest.raises(RuntimeError, match="without completing"), claimed(store) as run:
        pass
    assert stored(store, run.id).info.status == "FAILED"


def test_ctrl_c_is_an_interruption(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), claimed(store, params={"a": 1}) as run:
        run.log_metrics({"train/loss": 1.0}, 0)
        raise KeyboardInterrupt
    killed = stored(store, run.id)
    assert killed.info.status == "KILLED"
    assert not {tag.COMPLETE, tag.FAILURE} & killed.data.tags.keys()
    assert losses(store, run.id) == [(0, 1.0)]
    with claimed(store, params={"a": 1, "b": 2}) as again:
        assert (again.id, again.resumed, again.last_failure) == (run.id, True, None)
        again.complete()
    assert stored(store, run.id).data.params == {"a": "1", "b": "2"}


def test_death_between_the_last_two_writes(store: Store) -> None:
    with claimed(store) as run:
        run.complete()
    store.client.update_run(run.id, status="RUNNING")
    with claimed(store) as again:
        assert again.already_complete
    assert stored(store, run.id).info.status == "FINISHED"


WORK = """
import sys, time
from pathlib import Path
from src.tracking.runs import claim
from src.tracking.store import open_store
store = open_store(None, Path(sys.argv[1]), flush_seconds=float(sys.argv[2]))
with claim(store, key="k1", kind="finetune", name="p", study="s", params={"a": 1, "b": 2}) as run:
    print(run.id, run.resumed, run.already_complete, flush=True)
    if run.already_complete:
        sys.exit()
    for step in range(5):
        run.log_metrics({"train/loss": float(step)}, step)
    print("logged", flush=True)
    time.sleep(float(sys.argv[3]))
    run.complete({"eval/accuracy": 1.0})
"""


def working(start: Start, root: Path, flush_seconds: float) -> tuple["subprocess.Popen[str]", str]:
    """A process that has claimed and logged, and would go on for minutes; and its run's id."""
    process = start(WORK, root, flush_seconds, 600)
    assert process.stdout is not None
    run_id = process.stdout.readline().split()[0]
    assert process.stdout.readline() == "logged\n"
    return process, run_id


def test_kill_9_is_resumed_in_place_and_no_metric_is_lost(store: Store, start: Start) -> None:
    process, run_id = working(start, store.root, flush_seconds=600)
    process.kill()
    process.communicate()
    assert stored(store, run_id).info.status == "RUNNING"
    assert losses(store, run_id) == []

    with claimed(store, params={"a": 1, "b": 2}) as run:
        assert (run.id, run.resumed) == (run_id, True)
        run.complete()
    assert losses(store, run_id) == [(step, float(step)) for step in range(5)]
    assert stored(store, run_id).info.status == "FINISHED"
    assert len(all_runs(store)) == 1


def test_sigterm_ends_in_order(store: Store, start: Start) -> None:
    process, run_id = working(start, store.root, flush_seconds=600)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, err
    killed = stored(store, run_id)
    assert (killed.info.status, tag.COMPLETE in killed.data.tags) == ("KILLED", False)
    assert len(losses(store, run_id)) == 5


def test_sigterm_handler_is_given_back(store: Store) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit), claimed(store) as run:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    assert signal.getsignal(signal.SIGTERM) is before
    assert stored(store, run.id).info.status == "KILLED"


# --- several at once -----------------------------------------------------------------------------------------------


def test_eight_processes_and_one_key(store: Store, start: Start) -> None:
    processes = [start(WORK, store.root, 10, 0.5) for _ in range(8)]
    ended = [(*process.communicate(), process.returncode) for process in processes]
    assert [code for _, _, code in ended] == [0] * 8, ended
    first_lines = [out.splitlines()[0].split() for out, _, _ in ended]
    assert len({run_id for run_id, _, _ in first_lines}) == 1
    assert sorted(complete for _, _, complete in first_lines) == ["False"] + ["True"] * 7
    (run,) = all_runs(store)
    assert (run.info.status, run.data.tags[tag.COMPLETE]) == ("FINISHED", "true")
    assert len(losses(store, run.info.run_id)) == 5


def test_the_second_waits_says_so_once_and_takes_over_from_the_dead(store: Store, start: Start) -> None:
    process, run_id = working(start, store.root, flush_seconds=600)
    waiter = start(WORK, store.root, 1, 0)
    assert waiter.stderr is not None
    assert "p: another process on this machine is at work on it; waiting" in waiter.stderr.readline()
    assert waiter.poll() is None
    process.kill()
    process.communicate()
    out, err = waiter.communicate()
    assert waiter.returncode == 0, err
    assert err == ""
    assert out.splitlines()[0] == f"{run_id} True False"
    assert stored(store, run_id).info.status == "FINISHED"


def test_a_run_that_was_taken_over_may_not_complete(store: Store) -> None:
    with pytest.raises(FathomError, match="was taken over by another process"), claimed(store) as run:
        store.client.set_tag(run.id, tag.OWNER, "elsewhere:1:abc")
        run.complete()
    after = stored(store, run.id)
    assert tag.COMPLETE not in after.data.tags
    assert (after.info.status, tag.FAILURE in after.data.tags) == ("RUNNING", False)  # it is the other's now


def test_the_heartbeat_of_who_was_taken_over_does_not_take_the_run_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.tracking.runs.HEARTBEAT_SECONDS", 0.1)
    with pytest.raises(FathomError, match="was taken over by another process"), claimed(store) as run:
        store.client.set_tag(run.id, tag.OWNER, "elsewhere:1:abc")
        time.sleep(1.0)
        run.complete()


def test_a_key_that_another_run_completed_meanwhile_is_not_completed_twice(store: Store) -> None:
    with pytest.raises(FathomError, match="completed key k1 first"), claimed(store) as run:
        tags = {tag.KIND: "finetune", tag.KEY: "k1", tag.COMPLETE: "true"}
        other = store.client.create_run(store.experiment("s"), tags=tags).info.run_id
        run.complete()
    assert tag.COMPLETE not in stored(store, run.id).data.tags
    with claimed(store) as again:
        assert (again.id, again.already_complete) == (other, True)


# --- a store that stops answering ---------------------------------------------------------------------------------


class Deaf(MlflowClient):
    """A real client whose server can be cut off."""

    cut = False

    def log_batch(self, *args: Any, **kwargs: Any) -> Any:
        if self.cut:
            raise ConnectionError("Connection refused")
        return super().log_batch(*args, **kwargs)


def test_metrics_outlive_a_store_that_stops_answering(root: Path) -> None:
    client = Deaf(tracking_uri=f"sqlite:///{root}/mlflow.db")
    store = Store(client, f"sqlite:///{root}/mlflow.db", root, flush_seconds=0.05)
    with pytest.raises(FathomError) as refused, claimed(store) as run:
        run.log_metrics({"train/loss": 1.0}, 0)
        while not losses(store, run.id):
            time.sleep(0.02)
        client.cut = True
        run.log_metrics({"train/loss": 2.0}, 1)
        run.complete({"eval/accuracy": 0.5})
    spool = root / "spool" / f"{run.id}.jsonl"
    assert "2 metric values could not be written" in str(refused.value)
    assert f"they are kept in {spool}: run the same command again" in str(refused.value)
    assert tag.COMPLETE not in stored(store, run.id).data.tags

    with claimed(open_store(None, root)) as again:
        assert again.id == run.id
        again.complete()
    assert losses(store, run.id) == [(0, 1.0), (1, 2.0)]
    assert again.metrics() == {"train/loss": 2.0, "eval/accuracy": 0.5}
    assert not spool.exists()


# --- what MLflow would cut or refuse --------------------------------------------------------------------------------


def test_limits_are_sentences(store: Store) -> None:
    with pytest.raises(FathomError, match=r"param a\.b is 6,001 characters long and MLflow keeps 6,000"):
        claimed(store, params={"a": {"b": "x" * 6_001}}).__enter__()
    with pytest.raises(FathomError, match="param 'a=b' cannot be stored"):
        claimed(store, params={"a=b": 1}).__enter__()
    with pytest.raises(FathomError, match="tag t is 8,001 characters long"):
        claimed(store, tags={"t": "x" * 8_001}).__enter__()
    assert all_runs(store) == []
    with claimed(store, params={f"p{i}": i for i in range(250)}) as run:
        for name in ("a,b", "/a", "a//b", "../a", "x" * 251, ""):
            with pytest.raises(FathomError, match="cannot be stored"):
                run.log_metrics({name: 1.0}, 0)
        run.complete()
    assert len(stored(store, run.id).data.params) == 250
    assert isinstance(run, Run)
