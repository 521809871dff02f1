import shutil
from pathlib import Path

from src.tracking.query import predictions
from src.tracking.runs import claim
from src.tracking.store import Store, open_store

ROWS = [{"score": 1.0}]


def point(store: Store, key: str) -> str:
    with claim(store, key=key, kind="finetune", name=key, study="s") as run:
        if not run.already_complete:
            run.log_table("predictions", ROWS)
            run.complete()
    return run.id


def test_a_moved_store_finds_its_artifacts(store: Store, tmp_path: Path) -> None:
    before = point(store, "k1")
    new_root = tmp_path / "new home" / "mlruns"
    new_root.parent.mkdir()
    shutil.move(store.root, new_root)

    moved = open_store(None, new_root)
    assert predictions(moved, before) == ROWS
    assert point(moved, "k1") == before
    after = point(moved, "k2")
    assert predictions(moved, after) == ROWS
    assert (new_root / "artifacts" / after).is_dir()
    assert not store.root.exists()


def test_another_root_leaves_artifacts_where_they_are(store: Store, tmp_path: Path) -> None:
    run_id = point(store, "k1")
    (tmp_path / "other" / "artifacts").mkdir(parents=True)
    other = open_store(store.uri, tmp_path / "other")
    assert predictions(other, run_id) == ROWS
    assert other.client.get_run(run_id).info.artifact_uri == f"{(store.root / 'artifacts').as_uri()}/{run_id}/artifacts"
