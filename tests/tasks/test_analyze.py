"""The analysis of a study whose points are in a real store."""

import json
import re

import numpy as np
import pytest

from src.config.analyze import AnalyzeConfig
from src.config.publish import PublishConfig
from src.errors import FathomError
from src.evaluation.metrics import with_errors
from src.study.curves import curves_of, measured
from src.tasks.analyze import fit_laws
from src.tasks.publish import publish
from src.tracking.query import points, predictions
from src.tracking.runs import claim
from src.tracking.store import open_store

ITEMS = 200
THREE_EPOCHS = {
    "recipe.holds_constant": "epochs", "recipe.epochs": 3, "recipe.min_steps": 1,
    "recipe.batch_size": [{"up_to": None, "examples": 1}],
}  # fmt: skip


def analyze(root, **changes):
    tracking = {"uri": None, "root": root, "flush_seconds": 1.0, "patience_seconds": 0.0}
    fields = {
        "study": "s",
        "metrics": ["eval/accuracy", "eval/nll"],
        "laws": ["paper", "log_linear", "odds", "power_floor", "rectified"],
        "replicates": 50,
        "confidence": 0.9,
        "seed": 0,
        "out": root.parent / "out",
        "tracking": tracking,
        "log_level": "info",
    }
    return AnalyzeConfig(**(fields | changes))


def point(store, n, seed, accuracy, nll, model="m", **params):
    """A complete point with that accuracy and loss on a test of 200 items, and a further benchmark that forgets.

    Where it has params of its recipe's epochs, it was trained for three of them.
    """
    fixed = {"model": model, "benchmark": "b", "method": "full", "recipe": "tiny", "n_examples": n, "seed": seed}
    key = f"{model}-{n}-{seed}-{params.get('recipe.lr')}"
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
            | ({"train/optimizer_steps": 3 * n, "train/epochs": 3} if "recipe.epochs" in params else {})
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory, migrated):
    root = tmp_path_factory.mktemp("study") / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store = open_store(None, root)
    for n in (10, 40, 160, 640, 2560):
        for seed in (0, 1):
            accuracy, nll = 0.02 * n ** (1 / 2.5) * (1 + 0.02 * seed), 0.3 + 2 * n**-0.4 + 0.001 * seed
            point(store, n, seed, accuracy, nll, **THREE_EPOCHS)
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
        "b-training.png",
        "transfer-over-n.png",
        "transfer.png",
        "b-errors.png",
    }

    store, (run,) = analysis_runs(root)
    assert run.data.tags["fathom.complete"] == "true"
    assert run.data.metrics["law/paper/accuracy/b/m b full tiny"] == pytest.approx(2.5, rel=0.05)
    artifacts = {a.path for a in store.client.list_artifacts(run.info.run_id)}
    tables = {
        "laws",
        "means",
        "training",
        "error_classes",
        "few_format_errors",
        "error_correlations",
        "transfer",
        "differences",
    }
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
        "Error classes", "Transfer", "Side by side", "Means",
        "How the points were trained", "Methods",
    ]  # fmt: skip
    assert "the 14 complete runs of kind finetune in the MLflow experiment s, on 3 curves" in html


def test_the_same_points_and_settings_are_logged_once(root, capsys):
    fit_laws(analyze(root))
    said = capsys.readouterr().out
    assert "s: what 2 times the examples would bring" in said and "paper" in said and "report.html" in said
    assert max(map(len, said.splitlines())) <= 80 or "report.html" in max(said.splitlines(), key=len)
    assert len(analysis_runs(root)[1]) == 1


def test_that_steps_rise_with_n_is_said_in_the_report_on_the_results_page_and_on_the_terminal(root, capsys):
    fit_laws(analyze(root))
    said = (
        "Steps rise with n by construction (recipe tiny: 3 epochs; 30 steps at n = 10 and 7,680 steps at n = 2,560): "
        "1 of 3 curves measures data and length of training together."
    )
    assert said in " ".join(capsys.readouterr().out.split())
    out = root.parent / "out"
    assert f'<p class="caveat">{said}</p>' in (out / "report.html").read_text()
    assert f"\n\n**{said}**\n\n" in (out / "results.md").read_text()


def test_a_study_that_does_not_say_how_it_was_trained_has_no_section_on_it(with_items):
    html = (with_items.parent / "out/report.html").read_text()
    assert "How the points were trained" not in html
    assert 'class="caveat"' not in html


def test_published_points_have_the_laws_of_the_store_that_they_come_from(with_items, tmp_path):
    tracking = {"uri": None, "root": with_items, "flush_seconds": 1.0, "patience_seconds": 0.0}
    publish(PublishConfig(study="s", to=tmp_path / "published", tracking=tracking, log_level="info"))
    source = {"kind": "files", "path": tmp_path / "published"}
    fit_laws(analyze(tmp_path / "elsewhere", source=source, laws=["paper", "power_floor"], out=tmp_path / "out"))
    from_files, from_store = (
        json.loads((out / "laws" / "laws.json").read_text())["rows"]
        for out in (tmp_path / "out", with_items.parent / "out")
    )
    assert from_files == from_store


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


@pytest.fixture(scope="module")
def with_items(tmp_path_factory, migrated):
    """A study of three seeds whose points keep their values by test item: items of very different difficulty."""
    root = tmp_path_factory.mktemp("items") / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store, rng = open_store(None, root), np.random.default_rng(0)
    item = rng.standard_normal(ITEMS)
    for n in (0, 10, 40, 160, 640, 2560):
        for seed in (0, 1, 2):
            logit = np.log10(n + 1) - 2 + 0.2 * rng.standard_normal() * (n > 0) + 1.5 * item
            items = {
                "eval/accuracy": (rng.random(ITEMS) < 1 / (1 + np.exp(-logit))).astype(np.uint8),
                "eval/nll": np.exp(1 - 0.3 * np.log10(n + 1) + 0.3 * rng.standard_normal(ITEMS)).astype(np.float32),
            }
            wrong = 1 - items["eval/accuracy"]
            items |= {"eval/format_error_rate": wrong * (n < 10), "eval/reasoning_error_rate": wrong * (n >= 10)}
            items["also/other/accuracy"] = (rng.random(ITEMS) < 0.5).astype(np.uint8)
            fixed = {"model": "m", "benchmark": "b", "method": "full", "recipe": "r", "n_examples": n, "seed": seed}
            with claim(store, key=f"{n}-{seed}", kind="finetune", name="p", study="s", params=fixed) as run:
                run.log_items(items)
                run.complete({"eval/n_items": ITEMS} | with_errors(items))
    fit_laws(analyze(root, laws=["paper", "power_floor"]))
    return root


def test_one_quantity_has_one_standard_error_wherever_it_appears(with_items):
    """Tables in MLflow, charts of the page, laws.json, results.md and the report's tables are walked."""
    out = with_items.parent / "out"
    store, (run,) = analysis_runs(with_items)
    curves = {
        curve.metric: curve
        for metric in ("eval/accuracy", "eval/nll", "eval/format_error_rate", "eval/reasoning_error_rate")
        for curve in measured(metric, curves_of(points(store, "s", with_items=True))[0])
    }
    assert not any(curve.noise.note for curve in curves.values())
    stderr = {
        (metric, int(n)): error
        for metric, curve in curves.items()
        for n, error in zip(curve.sizes, curve.standard_errors, strict=True)
    }
    assert stderr["eval/accuracy", 160] > 0.01

    means = predictions(store, run.info.run_id, "means")
    assert {(row["metric"], row["n"]) for row in means} == stderr.keys()
    for row in means:
        assert row["stderr"] == pytest.approx(stderr[row["metric"], row["n"]], rel=1e-9)
        assert row["low"] < row["mean"] < row["high"] or row["stderr"] == 0 or row["mean"] in (0, 1)
    for row in predictions(store, run.info.run_id, "error_classes"):
        for error in ("format", "reasoning"):
            assert row[f"{error}_stderr"] == pytest.approx(stderr[f"eval/{error}_error_rate", row["n"]], rel=1e-9)

    fitted = json.loads((out / "laws/laws.json").read_text())["curves"]
    assert [of["metric"] for of in fitted] == ["eval/accuracy", "eval/nll"]
    for of in fitted:
        for point in of["points"]:
            assert point["stderr"] == pytest.approx(stderr[of["metric"], point["n"]], rel=1e-9)

    html = (out / "report.html").read_text()
    charts = json.loads(re.search(r'<script type="application/json" id="charts">(.*?)</script>', html, re.S)[1])
    named = {
        "accuracy": "eval/accuracy", "nll": "eval/nll",
        "format errors": "eval/format_error_rate", "reasoning errors": "eval/reasoning_error_rate",
    }  # fmt: skip
    seen = set()
    for chart in charts:
        title = str(chart["spec"]["title"]).removeprefix("b: ")
        what = None if title.endswith("residuals") else named.get(title.partition(",")[0])
        for rows in chart["spec"].get("datasets", {}).values() if what else ():
            for row in rows:
                if row["kind"] in ("dot", "joined"):
                    assert row["stderr"] == pytest.approx(stderr[what, row["n"]], rel=1e-5)
                    seen.add((what, row["n"]))
    assert seen == stderr.keys()

    page = (out / "results.md").read_text()
    shown = {int(n.replace(",", "")): float(e) for n, e in re.findall(r"\| ([\d,]+) \| 3 \| [\d.]+ ± ([\d.]+) %", page)}
    assert shown == {n: pytest.approx(100 * e, abs=0.05) for (metric, n), e in stderr.items() if "accuracy" in metric}
    table = (out / "laws/error-classes-3.tex").read_text()
    for n in (10, 160):
        error = f"{100 * stderr['eval/reasoning_error_rate', n]:.1f}"
        assert re.search(rf" {n} & 3 &.*\$\\pm\$ {error} &", table), table
