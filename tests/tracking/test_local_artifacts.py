"""Weights that lie in a local store are on the disk once, and no later write reaches them through another name."""

import os
from pathlib import Path
from typing import Any

import pytest

from src.tracking.leftovers import leftovers
from src.tracking.query import download
from src.tracking.runs import claim
from src.tracking.store import Store

SIZE = 2**20


def weights(directory: Path, byte: bytes) -> Path:
    directory.mkdir(parents=True)
    (directory / "model.safetensors").write_bytes(byte * SIZE)
    return directory


def claimed(store: Store, key: str = "k1") -> Any:
    return claim(store, key=key, kind="finetune", name=f"point {key}", study="s")


def artifact(store: Store, run_id: str) -> Path:
    return store.root / "artifacts" / run_id / "artifacts" / "model" / "model.safetensors"


def on_disk(root: Path) -> int:
    """Bytes of the files of at least SIZE, each counted once however many names it has."""
    stats = [file.stat() for file in root.rglob("*") if file.is_file()]
    return sum({stat.st_ino: stat.st_blocks * 512 for stat in stats if stat.st_size >= SIZE}.values())


def test_weights_are_on_the_disk_once(store: Store) -> None:
    made = weights(store.root / "work" / "k1" / "export", b"a")
    before = on_disk(store.root)
    with claimed(store) as run:
        run.log_artifacts(made, "model", final=True)
        run.complete()
    copy = store.root / "exports" / "w"
    download(store, run.id, "model", copy)
    names = [made / "model.safetensors", artifact(store, run.id), copy / "model.safetensors"]
    assert {name.stat().st_nlink for name in names} == {3}
    assert on_disk(store.root) == before >= SIZE
    # The copy's removal frees nothing while the artifact is there, and leaves that alone.
    (of_copy,) = [leftover for leftover in leftovers(store, days=0) if leftover.path == copy]
    assert of_copy.size == 0


def test_what_is_logged_in_the_same_place_leaves_what_was_linked_as_it_was(store: Store, tmp_path: Path) -> None:
    with claimed(store) as run:
        first, second = weights(tmp_path / "first", b"a"), weights(tmp_path / "second", b"b")
        run.log_artifacts(first, "model", final=True)
        download(store, run.id, "model", tmp_path / "copy")
        run.log_artifacts(second, "model", final=True)
        run.complete()
    assert artifact(store, run.id).read_bytes() == b"b" * SIZE
    for old in (first, tmp_path / "copy"):
        assert (old / "model.safetensors").read_bytes() == b"a" * SIZE


def test_what_may_be_written_again_is_copied(store: Store, tmp_path: Path) -> None:
    report = weights(tmp_path / "report", b"a")
    with claimed(store) as run:
        run.log_artifacts(report, "model")
        (report / "model.safetensors").write_bytes(b"of the next analysis")
        run.complete()
    assert artifact(store, run.id).read_bytes() == b"a" * SIZE


def test_a_file_system_without_links_has_copies(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    made = weights(tmp_path / "made", b"a")
    with claimed(store) as run:
        run.log_artifacts(made, "model", final=True)
        run.complete()
    download(store, run.id, "model", tmp_path / "copy")
    assert (tmp_path / "copy" / "model.safetensors").read_bytes() == b"a" * SIZE
    assert artifact(store, run.id).stat().st_nlink == 1
