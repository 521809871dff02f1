import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.special import expit, logit

from src.config.select import SelectFromFileConfig, SelectFromStudyConfig
from src.errors import FathomError
from src.tasks.select import select_from_file, select_from_study
from src.tracking.runs import claim
from src.tracking.store import open_store

LATE = (-3.9, 0.55)  # the logit of an accuracy at n = 1, and its slope over ln n
FLAN = Path(__file__).parents[3] / "shared/data/rectified_ft_law/flan.csv"


def from_file(path: Path, **changes: Any) -> list[dict[str, Any]]:
    out = path.parent / "deep/ranking.json"
    fields = {"source": {"kind": "csv", "path": path}, "metric": "accuracy", "at": 5120, "fit_up_to": None,
              "target": None, "seed": 0, "out": out, "log_level": "info"}  # fmt: skip
    select_from_file(SelectFromFileConfig.model_validate(fields | changes))
    answer: list[dict[str, Any]] = json.loads(out.read_text())
    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Accuracies that cross: `late` overtakes `early` between n = 640 and 5,120."""
    rows = ["curve,n,value,items"]
    for n in (10, 20, 40, 80, 160, 320, 640, 5120):
        for name, (level, slope) in {"early": (-0.3, 0.05), "late": LATE, "never": (-2.5, 0.02)}.items():
            rows.append(f"{name},{n},{expit(level + slope * math.log(n)):.4f},2000")
    rows += ["base,0,0.3,2000", "base,10,nan,2000"]
    path = tmp_path / "bases.csv"
    path.write_text("\n".join(rows))
    return path


def test_the_curve_that_will_be_best_is_chosen_though_it_is_not_yet(file: Path, capsys: Any) -> None:
    (ranking,) = from_file(file, fit_up_to=640, target=0.6)
    assert (ranking["benchmark"], ranking["metric"], ranking["at"]) == ("bases", "accuracy", 5120)
    assert [choice["curve"] for choice in ranking["choices"]] == ["late", "early", "never"]
    assert ranking["left_out"] == ["base"]
    late, _, never = ranking["choices"]
    assert late["probability_best"] > 2 / 3 and late["regret"] < never["regret"]
    assert late["saturation"]["verdict"] == "scales" and late["saturation"]["n0"] == 320
    low, high = late["interval_90"]
    assert low < expit(LATE[0] + LATE[1] * math.log(5120)) < high
    needed = late["examples_needed"]
    assert needed["low"] < math.exp((logit(0.6) - LATE[0]) / LATE[1]) < (needed["high"] or math.inf)
    assert never["examples_needed"]["n"] is None
    assert [c["n"] for c in late["candidates"]] == [640, 1280, 2560] and late["next_n"] in late["candidates"]
    assert ranking["outcome"]["selected"] == ranking["outcome"]["best"] == "late"
    assert ranking["outcome"]["relative_accuracy"] == 1 and ranking["outcome"]["pearson"] > 0.9
    printed = " ".join(capsys.readouterr().out.split())
    assert "relative accuracy of the choice 1.000" in printed
    assert "nothing was measured within the budget on base" in printed


def test_notes_of_rows_and_forecasts_are_written_and_printed(tmp_path: Path, capsys: Any) -> None:
    rows = [f"{name},{n},{p}" for name in ("a", "b") for n, p in ((10, 0.5), (20, 0.6), (40, 0.7), (80, 0.72))]
    path = tmp_path / "F.csv"
    path.write_text("\n".join(["curve,n,value", *rows, "a,160,0.02", "a,320,0.75", "a,640,x"]))
    (ranking,) = from_file(path)
    notes = {choice["curve"]: " ".join(choice["notes"]) for choice in ranking["choices"]}
    assert "line 12 left out" in notes["a"] and "n=160: 0.02 left out, wildly off" in notes["a"]
    assert "a single seed" in notes["b"]
    printed = " ".join(capsys.readouterr().out.split())
    assert "every curve: a single seed" in printed and "a: n=160: 0.02 left out" in printed


def test_what_was_looked_at_is_no_test_of_the_choice(file: Path) -> None:
    (ranking,) = from_file(file)
    assert ranking["outcome"] is None
    assert ranking["choices"][0]["candidates"] == [] and ranking["choices"][0]["next_n"] is None


def test_real_bases_are_chosen_well_from_a_64th_of_the_examples(tmp_path: Path) -> None:
    """On FLAN (Lin et al. 2402.02314), every third model: carrying the last value on has a Pearson of 0.3."""
    if not FLAN.exists():
        pytest.skip(f"{FLAN} is not here: the FLAN learning curves are kept beside the checkout")
    with FLAN.open() as file:
        rows = list(csv.DictReader(file))[::3]
    lines = [f"{row['config name']},{n},{row[n]}" for row in rows for n in row if n.isdigit()]
    (tmp_path / "flan.csv").write_text("\n".join(["curve,n,value", *lines]))
    (ranking,) = from_file(tmp_path / "flan.csv", metric="loss", at=1_638_400, fit_up_to=25_600)
    assert len(ranking["choices"]) == ranking["outcome"]["curves"] == 10
    assert ranking["outcome"]["pearson"] > 0.5 and ranking["outcome"]["relative_accuracy"] > 0.9
    assert sum(choice["probability_best"] for choice in ranking["choices"]) == pytest.approx(1)
    regrets = [choice["regret"] for choice in ranking["choices"]]
    assert regrets == sorted(regrets)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Path:
    """A study of two bases on two benchmarks."""
    root = tmp_path_factory.mktemp("study") / "mlruns"
    root.mkdir()
    (root / "mlflow.db").write_bytes(migrated.read_bytes())
    store = open_store(None, root)
    for benchmark, slopes in {"sums": {"big": 0.12, "small": 0.05}, "words": {"big": 0.02, "small": 0.06}}.items():
        for model, slope in slopes.items():
            for exponent in range(1, 6):
                params = {"model": model, "benchmark": benchmark, "method": "full", "recipe": "tiny",
                          "n_examples": 3**exponent, "seed": 0}  # fmt: skip
                key = f"{model}-{benchmark}-{exponent}"
                with claim(store, key=key, kind="finetune", name="p", study="s", params=params) as run:
                    run.complete({"eval/accuracy": 0.1 + slope * exponent, "eval/accuracy_stderr": 0.005})
    return root


def from_study(root: Path, **changes: Any) -> list[dict[str, Any]]:
    out = root.parent / "ranking.json"
    tracking = {"uri": None, "root": root, "flush_seconds": 1.0, "patience_seconds": 0.0}
    fields = {"source": {"kind": "mlflow"}, "study": "s", "metric": "eval/accuracy", "at": 1000, "fit_up_to": None,
              "target": None, "seed": 0, "out": out, "log_level": "info", "tracking": tracking}  # fmt: skip
    select_from_study(SelectFromStudyConfig.model_validate(fields | changes))
    answer: list[dict[str, Any]] = json.loads(out.read_text())
    return answer


def test_curves_of_a_study_are_ranked_within_each_benchmark(root: Path) -> None:
    rankings = {ranking["benchmark"]: ranking for ranking in from_study(root)}
    best = {benchmark: ranking["choices"][0]["curve"] for benchmark, ranking in rankings.items()}
    assert best == {"sums": "big sums full tiny", "words": "small words full tiny"}
    assert all(len(ranking["choices"]) == 2 for ranking in rankings.values())


def test_a_benchmark_that_has_nothing_within_the_budget_does_not_keep_the_others_from_an_answer(
    root: Path, capsys: Any
) -> None:
    store = open_store(None, root)
    params = {"model": "big", "benchmark": "late", "method": "full", "recipe": "tiny", "n_examples": 500, "seed": 0}
    with claim(store, key="late", kind="finetune", name="p", study="s", params=params) as run:
        run.complete({"eval/accuracy": 0.5, "eval/accuracy_stderr": 0.005})
    assert [ranking["benchmark"] for ranking in from_study(root, fit_up_to=300)] == ["sums", "words"]
    assert "late: nothing was measured within the budget" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metric": "eval/f1"}, "eval/f1 was not measured in this study; it has eval/accuracy"),
        ({"study": "t"}, "there is no study t; studies: s"),
        ({"target": 80.0}, r"target: an accuracy lies between 0 and 1 \(given: 80\); 80 % is 0.8"),
        ({"fit_up_to": 2}, "nothing was measured at 1 ≤ n ≤ 2"),
    ],
)
def test_what_cannot_be_answered_gets_a_sentence(root: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FathomError, match=sentence):
        from_study(root, **changes)


def test_the_command_answers_and_refuses(file: Path) -> None:
    def run(*overrides: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "src/select_model.py", "source=csv", f"source.path={file}", "metric=accuracy"]
        return subprocess.run([*command, *overrides], capture_output=True, text=True, check=False)

    out = file.parent / "ranking.json"
    done = run("at=5120", "fit_up_to=640", f"out={out}")
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())[0]["choices"][0]["curve"] == "late"
    refused = run("at=0", "target=-1")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "at: input should be greater than or equal to 1" in refused.stderr and "target: " in refused.stderr
