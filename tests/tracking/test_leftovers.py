from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from src.tracking import tags as tag
from src.tracking.leftovers import leftovers, remove
from src.tracking.runs import claim
from src.tracking.store import Store, open_store


def filled(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "file").write_text("x" * 10)
    return path


@pytest.fixture
def used(store: Store) -> dict[str, Path]:
    """A store with a complete, a failed and a deleted run, and everything that each can leave."""
    kept: dict[str, Path] = {}
    for key in ("done", "failed", "deleted"):
        try:
            tags = {tag.WEIGHTS: f"weights-{key}"}
            with claim(store, key=key, kind="finetune", study="s", name=key, tags=tags) as run:
                run.log_dict({}, "config.json")
                if key == "failed":
                    raise ValueError
                run.complete()
        except ValueError:
            pass
        kept[f"artifacts of {key}"] = store.root / "artifacts" / run.id
        kept[f"work of {key}"] = filled(store.root / "work" / key)
        kept[f"training of {key}"] = filled(store.root / "work" / f"weights-{key}")
        kept[f"export of {key}"] = filled(store.root / "exports" / run.id)
        kept[f"base of {key}"] = filled(store.root / "bases" / key)
        if key == "deleted":
            store.client.delete_run(run.id)
    kept["work of nothing"] = filled(store.root / "work" / "nothing")
    return kept


GONE = {
    *("work of done", "work of deleted", "work of nothing", "training of done", "training of deleted"),
    *("export of done", "export of failed", "export of deleted"),
    *("base of failed", "base of deleted", "artifacts of deleted"),
}


def test_what_a_run_refers_to_stays(store: Store, used: dict[str, Path]) -> None:
    names = {path: name for name, path in used.items()}
    found = leftovers(store, days=0)
    assert {names[leftover.path] for leftover in found} == GONE
    assert next(one.size for one in found if one.path == used["work of done"]) == 10
    for leftover in found:
        assert remove(store, leftover)
    assert {name for name, path in used.items() if not path.exists()} == GONE
    assert leftovers(store, days=0) == []


def test_what_was_touched_lately_and_what_is_in_use_stays(store: Store, used: dict[str, Path]) -> None:
    assert leftovers(store, days=1) == []
    (leftover,) = [one for one in leftovers(store, days=0) if one.path == used["work of done"]]
    with FileLock(store.locks / "done.lock"):
        assert not remove(store, leftover)
    assert used["work of done"].exists()


def test_what_the_runs_of_another_store_refer_to_stays(store: Store, used: dict[str, Path], tmp_path: Path) -> None:
    with claim(store, key="unsynced", kind="finetune", study="s", name="unsynced") as run:
        run.complete()
    waiting = filled(store.root / "spool" / "0123456789abcdef0123456789abcdef")  # of a server that was away
    other = open_store(f"sqlite:///{tmp_path}/other/mlflow.db", store.root)
    found = {leftover.path for leftover in leftovers(other, days=0)}
    assert found == {leftover.path for leftover in leftovers(store, days=0)} == {used[name] for name in GONE}
    assert waiting not in found


def test_artifacts_stay_where_the_store_keeps_none_here(store: Store, used: dict[str, Path]) -> None:
    assert store.database is not None
    store.database.rename(store.root / "moved.db")
    server = replace(store, uri="http://127.0.0.1:5000")
    server.client.search_experiments = lambda **_: []  # type: ignore[method-assign]
    assert not [one.path for one in leftovers(server, days=0) if one.path.parent.name == "artifacts"]
