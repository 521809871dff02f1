import zipfile
from pathlib import Path

import numpy as np
import pytest

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.archive import export_study, import_study
from src.tracking.query import points, predictions
from src.tracking.runs import claim
from src.tracking.store import Store, open_store
from src.tracking.sweeps import open_sweep

PLACE = {"model": "m", "benchmark": "b", "method": "full", "recipe": "r", "seed": 0}


@pytest.fixture
def other(migrated: Path, tmp_path: Path) -> Store:
    root = tmp_path / "elsewhere"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    return open_store(None, root)


@pytest.fixture
def archive(store: Store, tmp_path: Path) -> Path:
    """A sweep of two points, and a point that failed."""
    sweep = open_sweep(store, "s", "sweep", "a sweep")
    for n in (10, 100):
        with claim(
            store, key=f"k{n}", kind="finetune", study="s", name=f"n={n}", parent=sweep.id,
            params={**PLACE, "n_examples": n},
        ) as run:  # fmt: skip
            for step in (1, 2, 3):
                run.log_metrics({"train/loss": 1 / (n + step)}, step)
            run.log_table("predictions", [{"prompt": "p", "score": 1.0}])
            run.log_items({"eval/accuracy": np.array([0.0, 1.0])})
            run.log_dataset("pool", "abc", "here", "training", 5)
            run.complete({"eval/accuracy": 0.5})
    sweep.log_curve("accuracy/m", [(10, 0.5), (100, 0.5)])
    sweep.close("FINISHED")
    with pytest.raises(ValueError), claim(store, key="bad", kind="finetune", study="s", name="bad"):
        raise ValueError("no")
    file = tmp_path / "s.zip"
    assert export_study(store, "s", file, lambda name: None) == 3
    return file


def history(store, run_id, metric):
    return [(m.step, m.value, m.timestamp) for m in store.client.get_metric_history(run_id, metric)]


def test_a_study_comes_over_whole(store, other, archive):
    assert import_study(other, archive, lambda name: None) == ("s", 3, 0)
    here, there = points(store, "s", with_items=True), points(other, "s", with_items=True)
    assert [(p.key, p.ended, p.params, p.metrics) for p in here] == [
        (p.key, p.ended, p.params, p.metrics) for p in there
    ]
    for a, b in zip(here, there, strict=True):
        assert predictions(other, b.run_id) == predictions(store, a.run_id)
        assert b.items["eval/accuracy"].tolist() == [0.0, 1.0]
        assert history(other, b.run_id, "train/loss") == history(store, a.run_id, "train/loss")
        run = other.client.get_run(b.run_id)
        parent = other.client.get_run(run.data.tags[tag.PARENT])
        assert parent.data.tags[tag.KIND] == "sweep"
        assert [step for step, *_ in history(other, parent.info.run_id, "accuracy/m")] == [10, 100]
        (given,) = run.inputs.dataset_inputs
        assert (given.dataset.name, given.tags[0].value) == ("pool", "training")


def test_what_is_there_stays_and_a_key_that_came_over_is_complete(other, archive):
    import_study(other, archive, lambda name: None)
    ids = {p.run_id for p in points(other, "s")}
    assert import_study(other, archive, lambda name: None) == ("s", 0, 3)
    assert {p.run_id for p in points(other, "s")} == ids
    with claim(other, key="k10", kind="finetune", study="s", name="n=10") as run:
        assert run.already_complete


def test_an_interrupted_import_goes_on(store, other, archive):
    def interrupt(name):
        if name == "n=100":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_study(other, archive, interrupt)
    # And one that was killed while it wrote a run.
    old = next(p.run_id for p in points(store, "s") if p.n_examples == 100)
    half = other.client.create_run(other.experiment("s"), tags={tag.KEY: "k100", tag.IMPORTED_FROM: old})
    assert import_study(other, archive, lambda name: None) == ("s", 1, 2)
    assert [p.n_examples for p in points(other, "s")] == [10, 100]
    assert other.client.get_run(half.info.run_id).info.lifecycle_stage == "deleted"


def test_a_study_without_complete_runs_and_a_file_that_is_no_archive_are_sentences(store, tmp_path):
    with pytest.raises(FathomError, match="no complete run"):
        export_study(store, "none", tmp_path / "x.zip", lambda name: None)
    assert not list(tmp_path.glob("x.zip*"))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a", "b")
    with pytest.raises(FathomError, match="no whole archive"):
        import_study(store, tmp_path / "other.zip", lambda name: None)


def test_a_damaged_archive_brings_nothing_over(other, archive):
    content = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as whole:
        table = next(info for info in whole.infolist() if info.filename.endswith("items.safetensors"))
    begin = table.header_offset + 30 + len(table.filename)
    content[begin : begin + table.compress_size] = b"\xff" * table.compress_size
    archive.write_bytes(content)
    with pytest.raises(FathomError, match="no whole archive"):
        import_study(other, archive, lambda name: None)
    assert other.client.get_experiment_by_name("s") is None
