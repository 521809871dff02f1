"""The analysis of a study whose points are in a real store."""

import json
import re

import pytest

from src.config.analyze import AnalyzeConfig
from src.errors import FathomError
from src.tasks.analyze import fit_laws
from src.tracking.query import predictions
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


def point(store, n, seed, accuracy, nll, model="m", **params):
    """A complete point with that accuracy and loss on a test of 200 items, and a further benchmark that forgets."""
    fixed = {"model": model, "benchmark": "b", "method": "full", "recipe": "tiny", "n_examples": n, "seed": seed}
    key = "-".join(map(str, (model, n, seed, *params.values())))
    with claim(store, key=key, kind="finetune", name="p", study="s", params=fixed | params) as run:
        run.complete(
            {
                "eval/accuracy": accuracy,
                "eval/accuracy_stderr": (accuracy * (1 - accuracy) / ITEMS) ** 0.5,
                "eval/nll": nll,
                "eval/nll_stderr": 0.01 * nll,
                "eval/n_items": ITEMS,
                "eval/format_error_rate": (1 - accuracy) / (2 + n),
                "eval/reasoning_error_rate": (1 - accuracy) * (1 + n) / (2 + n),
                "also/other/accuracy": 0.6 - 0.0001 * n,
                "also/other/accuracy_stderr": 0.02,
            }
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory, migrated):
    root = tmp_path_factory.mktemp("study") / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store = open_store(None, root)
    for n in (10, 40, 160, 640, 2560):
        for seed in (0, 1):
            point(
                store, n, seed, accuracy=0.02 * n ** (1 / 2.5) * (1 + 0.02 * seed), nll=0.3 + 2 * n**-0.4 + 0.001 * seed
            )
    for n in (0, 10):
        point(store, n, 0, accuracy=0.5, nll=1.0, model="short", **{"recipe.lr": 0.1})
        point(store, n, 0, accuracy=0.7, nll=0.5, model="short", **{"recipe.lr": 0.2})
    fit_laws(analyze(root))
    return root


def analysis_runs(root):
    store = open_store(None, root)
    experiment = store.client.get_experiment_by_name("s").experiment_id
    return store, store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'analysis'")


def test_the_laws_behind_the_points_are_found_drawn_and_logged(root):
    laws = root.parent / "out" / "laws"
    rows = json.loads((laws / "laws.json").read_text())["rows"]
    (paper,) = [r for r in rows if r["law"] == "paper" and r["curve"].startswith("m ")]
    assert any("too few points" in r["note"] for r in rows)
    assert float(paper["parameters"]["a"].split()[0]) == pytest.approx(2, rel=0.05)
    assert float(paper["parameters"]["b"].split()[0]) == pytest.approx(2.5, rel=0.05)
    (floor,) = [
        r for r in rows if r["law"] == "power_floor" and r["metric"] == "eval/nll" and r["curve"].startswith("m ")
    ]
    assert float(floor["parameters"]["E"].split()[0]) == pytest.approx(0.3, rel=0.05)
    assert float(floor["parameters"]["beta"].split()[0]) == pytest.approx(0.4, rel=0.05)
    assert {p.name for p in laws.glob("*.png")} >= {
        "b-accuracy.png",
        "transfer-over-n.png",
        "transfer.png",
        "b-errors.png",
    }

    store, (run,) = analysis_runs(root)
    assert run.data.tags["fathom.complete"] == "true"
    assert run.data.metrics["law/paper/accuracy/b/m b full tiny"] == pytest.approx(2.5, rel=0.05)
    artifacts = {a.path for a in store.client.list_artifacts(run.info.run_id)}
    tables = {"laws", "means", "error_classes", "few_format_errors", "error_correlations", "transfer", "differences"}
    tables |= {"forecasts", "examples_needed", "rankings", "saturation", "next_doubling", "next_n"}
    assert artifacts >= {"report.html", *(f"{table}.json" for table in tables)}
    figures = {a.path: a.file_size for a in store.client.list_artifacts(run.info.run_id, "laws")}
    assert figures["laws/b-errors.svg"] > 1000
    assert figures["laws/b-errors.png"] > 1000

    best = (laws / "superficial-or-scaling-3.tex").read_text()
    assert "expected & probability & regret" in best and "short b full tiny recipe.lr=0.2" in best
    html = (root.parent / "out" / "report.html").read_text()
    headings = re.findall(r'<h2 id="\w+">([^<]*)', html)
    assert headings == [
        "Curves and forecasts", "Examples needed", "Superficial or scaling", "Laws", "Rival laws", "Exponents",
        "Error classes", "Transfer", "Side by side", "Means", "Methods",
    ]  # fmt: skip
    assert "the 14 complete runs of kind finetune in the MLflow experiment s, on 3 curves" in html


def test_the_same_points_and_settings_are_logged_once(root, capsys):
    fit_laws(analyze(root))
    assert "laws of s" in capsys.readouterr().out
    assert len(analysis_runs(root)[1]) == 1


def test_what_else_the_study_says_is_logged(root):
    store, (run,) = analysis_runs(root)
    metrics = run.data.metrics
    assert metrics["errors/few_format_errors_from_n/m b full tiny"] == 40
    assert 0 < metrics["errors/r_squared/reasoning/m b full tiny"] <= 1
    assert metrics["transfer/other/short b full tiny recipe.lr:0.2"] == pytest.approx(-0.001)
    (exponent,) = [r for r in predictions(store, run.info.run_id, "exponents") if r["law"] == "paper"]
    assert exponent["exponent"] == pytest.approx(1 / 2.5, rel=0.05)
    assert exponent["low"] < exponent["exponent"] < exponent["high"]
    moved = predictions(store, run.info.run_id, "differences")
    accuracy = [r["difference"] for r in moved if r["metric"] == "eval/accuracy"]
    assert accuracy == pytest.approx([0.2, 0.2])
    assert {(r["factor"], r["value_a"], r["value_b"]) for r in moved} == {("recipe.lr", "0.1", "0.2")}


def test_a_metric_that_was_not_measured_is_named(root):
    with pytest.raises(FathomError, match=r"metrics: eval/f1 was not measured in this study; it has eval/accuracy, "):
        fit_laws(analyze(root, metrics=["eval/f1"]))


def test_an_unknown_study_lists_those_there_are(root):
    with pytest.raises(FathomError, match="there is no study nothing; studies: s"):
        fit_laws(analyze(root, study="nothing"))
