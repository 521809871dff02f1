"""The analysis of a study whose points are in a real store."""

import json

import numpy as np
import pytest

from src.config import AnalyzeConfig
from src.errors import FathomError
from src.tasks.fit_laws import fit_laws
from src.tracking.runs import claim
from src.tracking.store import open_store

ITEMS = 200


def analyze(root, **changes):
    tracking = {"uri": None, "root": root, "save_model": True, "flush_seconds": 1.0}
    fields = {
        "study": "s",
        "metrics": ["eval/accuracy", "eval/nll"],
        "replicates": 50,
        "confidence": 0.9,
        "seed": 0,
        "out": root.parent / "out",
        "tracking": tracking,
        "log_level": "info",
    }
    return AnalyzeConfig(**(fields | changes))


def point(store, n, seed, accuracy, nll, model="m"):
    """A complete point with that accuracy and loss, and predictions that agree with them."""
    right = np.arange(ITEMS) < round(accuracy * ITEMS)
    rows = [
        {"score": float(r), "error": None if r else "reasoning", "nll": 10 * nll, "answer_tokens": 10} for r in right
    ]
    params = {"model": model, "benchmark": "b", "method": "full", "recipe": "tiny", "n_examples": n, "seed": seed}
    with claim(store, key=f"{model}{n}-{seed}", kind="finetune", name="p", study="s", params=params) as run:
        run.log_table("predictions", rows)
        wrong = 1 - float(right.mean())
        rates = {"eval/format_error_rate": 0.0, "eval/reasoning_error_rate": wrong}
        run.complete({"eval/accuracy": 1 - wrong, "eval/nll": nll} | rates)


@pytest.fixture
def root(tmp_path, migrated):
    root = tmp_path / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store = open_store(None, root)
    for n in (10, 40, 160, 640, 2560):
        for seed in (0, 1):
            point(store, n, seed, accuracy=0.02 * n ** (1 / 2.5), nll=0.3 + 2 * n**-0.4 + 0.001 * seed)
    for n in (0, 10):
        point(store, n, 0, accuracy=0.5, nll=1.0, model="short")
    return root


def test_the_laws_behind_the_points_are_found_drawn_and_logged(root, capsys):
    fit_laws(analyze(root))
    shown = capsys.readouterr().out
    assert "too few" in " ".join(shown.split()) or "too few" in shown
    rows = json.loads((root.parent / "out" / "laws" / "laws.json").read_text())["rows"]
    (paper,) = [r for r in rows if r["law"] == "paper" and r["curve"].startswith("m ")]
    assert float(paper["parameters"]["a"].split()[0]) == pytest.approx(2, rel=0.05)
    assert float(paper["parameters"]["b"].split()[0]) == pytest.approx(2.5, rel=0.05)
    (floor,) = [r for r in rows if r["metric"] == "eval/nll" and r["curve"].startswith("m ")]
    assert float(floor["parameters"]["E"].split()[0]) == pytest.approx(0.3, rel=0.05)
    assert float(floor["parameters"]["beta"].split()[0]) == pytest.approx(0.4, rel=0.05)
    assert {p.name for p in (root.parent / "out" / "laws").glob("*.png")} >= {"b-accuracy-paper.png", "b-errors.png"}

    store = open_store(None, root)
    experiment = store.client.get_experiment_by_name("s").experiment_id
    (run,) = store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'analysis'")
    assert run.data.tags["fathom.complete"] == "true"
    assert run.data.metrics["law/paper/accuracy/b/m b full tiny"] == pytest.approx(2.5, rel=0.05)
    assert "laws/b-errors.svg" in {a.path for a in store.client.list_artifacts(run.info.run_id, "laws")}

    fit_laws(analyze(root))  # the same points and settings: nothing is logged twice
    assert len(store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'analysis'")) == 1


def test_a_metric_that_was_not_measured_is_named(root):
    with pytest.raises(FathomError, match=r"metrics: eval/f1 was not measured in this study; it has eval/accuracy, "):
        fit_laws(analyze(root, metrics=["eval/f1"]))


def test_an_unknown_study_lists_those_there_are(root):
    with pytest.raises(FathomError, match="there is no study nothing; studies: s"):
        fit_laws(analyze(root, study="nothing"))
