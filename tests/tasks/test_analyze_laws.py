"""`laws=[…]`: a law added as CONTRIBUTING says, and a law over model sizes, through the command that asks for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from src.config.analyze import AnalyzeConfig
from src.errors import FathomError
from src.scaling import laws
from src.scaling.laws.law import LOSS, Coordinate, Exponent, Latent, Law, Parameter
from src.scaling.laws.power_laws import JOINT
from src.tasks.analyze import fit_laws
from src.tracking.query import predictions
from src.tracking.runs import claim
from src.tracking.store import open_store

N = np.array([200, 800, 3200, 12_800, 51_200, 204_800])
REST = {
    "eval/accuracy": 0.5,
    "eval/accuracy_stderr": 0.02,
    "eval/n_items": 600,
    "eval/format_error_rate": 0.1,
    "eval/reasoning_error_rate": 0.4,
}
SIZES = {"one": 1e8, "two": 1e9, "three": 1e10}

# One object …
SLOW = Law(
    name="slow",
    formula=lambda n, A, D: A / (1 + np.log1p(n / D)),
    parameters=(
        Parameter("A", "loss without finetuning", 1e-9, np.inf, (0.5, 1.0, 2.0), relative=True),
        Parameter("D", "examples that begin to tell", 1e-3, 1e15, (10, 1e3, 1e5)),
    ),
    quantities={"loss": LOSS},
    latex=r"L = \frac{A}{1 + \ln(1 + D/D_0)}",
    source="made up for this test",
    example=(3, 200),
    exponent=Exponent("D", "no exponent, but asked for as one", lambda D: 1 / D),
    latent=(Latent((Coordinate("A", 0.5, 1.0, 0.3, "last"), Coordinate("D", -3.0, 3.0, 1.0, "largest"))),),
)


def analyze(root, study, **changes):
    tracking = {"uri": None, "root": root, "flush_seconds": 1.0, "patience_seconds": 0.0}
    fields = {
        "study": study,
        "metrics": ["eval/nll"],
        "laws": ["slow"],
        "replicates": 50,
        "confidence": 0.9,
        "seed": 0,
        "out": root.parent / study,
        "tracking": tracking,
        "log_level": "info",
    }
    return AnalyzeConfig(**(fields | changes))


@pytest.fixture(scope="module")
def root(tmp_path_factory, migrated):
    """Studies `slow` and `joint` of three models with losses of the law of that name."""
    root = tmp_path_factory.mktemp("laws") / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store, draw = open_store(None, root), np.random.default_rng(0)
    for index, (model, size) in enumerate(SIZES.items()):
        of = {
            "slow": SLOW.predict(N, np.array([3 + 0.3 * index, 200 + 30 * index])),
            "joint": JOINT.predict(np.stack([N, np.full(len(N), size)]), np.array(JOINT.example)),
        }
        for study, values in of.items():
            for n, nll in zip(N.tolist(), values * np.exp(0.002 * draw.standard_normal(len(N))), strict=True):
                point = {"model": model, "benchmark": "b", "method": "full", "recipe": "tiny"}
                point |= {"n_examples": n, "seed": 0}
                key = f"{study}-{model}-{n}"
                with claim(store, key=key, kind="finetune", name="p", study=study, params=point) as run:
                    run.complete(REST | {"eval/nll": nll, "eval/nll_stderr": 0.002 * nll, "model/parameters": size})
    return root


def logged(root, study):
    store = open_store(None, root)
    experiment = store.client.get_experiment_by_name(study).experiment_id
    (run,) = store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'analysis'")
    return store, run


def test_a_law_of_ones_own_is_fitted_tabled_and_forecast_with(root, monkeypatch, capsys):
    monkeypatch.setattr(laws, "CATALOGUE", (*laws.CATALOGUE, SLOW))  # … and one entry
    fit_laws(analyze(root, "slow"))
    rows = json.loads((root.parent / "slow/laws/laws.json").read_text())["rows"]
    assert [(row["law"], row["note"].startswith("no interval")) for row in rows] == [("slow", False)] * 3
    found = next(row["parameters"] for row in rows if row["curve"].startswith("one "))
    assert float(found["A"].split()[0]) == pytest.approx(3, rel=0.05)
    assert float(found["D"].split()[0]) == pytest.approx(200, rel=0.2)
    assert "slow" in capsys.readouterr().out  # held
    assert "no exponent, but asked for as one (slow)" in (root.parent / "slow/report.html").read_text()

    store, run = logged(root, "slow")
    assert run.data.metrics["law/slow/nll/A/one b full tiny"] == pytest.approx(3, rel=0.05)
    assert {row["law"] for row in predictions(store, run.info.run_id, "forecasts")} == {"slow"}


def test_the_law_over_model_sizes_is_fitted_to_all_models_together(root, capsys):
    fit_laws(analyze(root, "joint", laws=["joint", "power_floor"]))
    said = capsys.readouterr().out
    assert "joint, largest" in said and "size 1e+10 is the best of 3" in " ".join(said.split())
    out = root.parent / "joint"
    (row,) = [row for row in json.loads((out / "laws/laws.json").read_text())["rows"] if row["law"] == "joint"]
    assert row["curve"] == "all models b full tiny" and "points of the largest size × n" in row["hold_out"]
    for name, truth in zip(("A", "alpha", "beta", "E"), JOINT.example, strict=True):
        assert float(row["parameters"][name].split()[0]) == pytest.approx(truth, rel=0.1)
    page = (out / "results.md").read_text()
    assert "## Over model sizes" in page and "- joint: A = " in page
    report = (out / "report.html").read_text()
    assert "all models b full tiny" in report and "Best size" in report

    store, run = logged(root, "joint")
    sizes = predictions(store, run.info.run_id, "best_sizes")
    assert [(row["examples"], row["size"]) for row in sizes][::3] == [(t * 204_800, 1e10) for t in (2, 4, 8)]
    assert run.data.metrics["law/joint/nll/beta/all models b full tiny"] == pytest.approx(0.15, rel=0.1)
    (beta,) = [row for row in predictions(store, run.info.run_id, "exponents") if row["law"] == "joint"]
    assert (beta["called"], beta["model"]) == ("β", "all models") and beta["low"] < beta["exponent"] < beta["high"]


def test_a_law_that_is_none_lists_those_there_are(root):
    with pytest.raises(FathomError, match="laws: there is no law papr; there are paper, log_linear, odds, "):
        fit_laws(analyze(root, "slow", laws=["papr"]))


def test_the_configuration_asks_for_the_laws_that_are_fitted_by_default():
    conf = OmegaConf.load(Path(__file__).parents[2] / "conf/analysis/mlflow.yaml")
    assert conf.laws == [law.name for law in laws.LAWS]
