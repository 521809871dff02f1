from pathlib import Path

from src.tracking.runs import claim
from src.tracking.store import Store
from src.tracking.sync import end_complete


def completed(store: Store, key: str) -> str:
    with claim(store, key=key, kind="finetune", name=f"point {key}", study="s") as run:
        run.complete()
    return str(run.id)


def test_runs_whose_process_was_killed_after_their_completion_are_ended(store: Store) -> None:
    ended, running, spooled = (completed(store, key) for key in ("a", "b", "c"))
    store.client.update_run(running, status="RUNNING")
    spool: Path = store.root / "spool"
    (spool / f"{spooled}.jsonl").write_text("")
    (spool / spooled).mkdir()
    with claim(store, key="d", kind="finetune", name="point d", study="s") as at_work:
        end_complete(store, "s")
        statuses = {run_id: store.client.get_run(run_id).info.status for run_id in (ended, running, spooled)}
        assert set(statuses.values()) == {"FINISHED"}
        assert {path.stem for path in spool.iterdir()} == {at_work.id}
        at_work.complete()
