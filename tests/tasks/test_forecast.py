import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from src.config.analyze import ForecastConfig
from src.config.check import check
from src.errors import FathomError
from src.scaling.laws import CHINCHILLA
from src.tasks.forecast import forecast_csv

ROOT = Path(__file__).parents[2]


def analyze(*overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "src/analyze.py", "source=csv", *overrides], capture_output=True, text=True, check=False
    )


def test_a_file_of_losses_becomes_a_json_list_of_forecasts(tmp_path: Path) -> None:
    rows = ["curve,n,value,family"]
    for name, level in (("a/b", 4.0), ("c", 3.0)):
        rows += [f"{name},{n},{level * float(n) ** -0.1:.6f},x" for n in 100 * 2 ** np.arange(8)]
    rows += ["empty,10,nan,x", "c,0,9,x"]
    (tmp_path / "F.csv").write_text("\n".join(rows))
    out = tmp_path / "deep/forecast.json"
    done = analyze(
        f"source.path={tmp_path / 'F.csv'}", "metric=loss", "fit_up_to=3200", "predict_at=[6400,12800]", f"out={out}"
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(out.read_text())
    assert [answer["curve"] for answer in answers] == ["a/b", "c", "empty"]
    assert answers[0].keys() == {"curve", "law", "parameters", "forecasts", "notes"}
    assert answers[0]["law"] == "power" and answers[0]["parameters"]["beta"] == pytest.approx(0.1, rel=0.1)
    assert [f["n"] for f in answers[0]["forecasts"]] == [6400, 12800]
    for answer, level in zip(answers, (4.0, 3.0), strict=False):
        at = answer["forecasts"][1]
        assert at["value"] == pytest.approx(level * 12_800**-0.1, rel=0.02)
        assert at["interval_90"][0] < at["interval_50"][0] < at["interval_50"][1] < at["interval_90"][1]
    assert any(note.startswith("n=0 left out") for note in answers[1]["notes"])
    assert answers[2]["forecasts"] == [] and answers[2]["notes"][0] == "line 18 left out: the value is 'nan'"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("source.path=none.csv", "source.path: none.csv cannot be read as CSV"),
        ("metric=los", "metric: input should be 'loss' or 'accuracy'"),
        ("predict_at=[0]", "predict_at.0: input should be greater than or equal to 1"),
    ],
)
def test_wrong_settings_get_a_sentence(override: str, sentence: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        overrides = ["source=csv", "source.path=x.csv", "metric=loss", "predict_at=[10]", override]
        config = compose("analyze", overrides=overrides)
    with pytest.raises(FathomError) as error:
        forecast_csv(check(config, ForecastConfig))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("rows", "budget", "said"),
    [
        ("a,0,3", "null", "F.csv: all rows are at n = 0, and forecasts need sizes n ≥ 1"),
        ("a,0,3\na,40,2\nb,20,2", "10", "fit_up_to=10 leaves no size to forecast from: the smallest of"),
    ],
)
def test_a_file_without_a_size_to_forecast_from_is_an_error(tmp_path: Path, rows: str, budget: str, said: str) -> None:
    (tmp_path / "F.csv").write_text(f"curve,n,value\n{rows}\n")
    out = tmp_path / "F.json"
    where = f"source.path={tmp_path / 'F.csv'}", f"out={out}"
    done = analyze(*where, "metric=loss", f"fit_up_to={budget}", "predict_at=[100]")
    assert done.returncode != 0 and said in done.stderr and not out.exists()


def sized(*overrides: str) -> ForecastConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("analyze", overrides=["source=csv", "metric=loss", "predict_at=[3200]", *overrides])
    return check(config, ForecastConfig)


def test_laws_over_sizes_say_which_size_is_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    law, rows = CHINCHILLA, ["curve,n,value,size"]
    for size in (1e8, 4e8, 1.6e9):
        n = 100 * 2 ** np.arange(5)
        losses = law.predict(np.stack([n, np.full(5, size)]), np.array(law.example))
        rows += [f"m{size:g},{k},{loss:.5f},{size:g}" for k, loss in zip(n, losses, strict=True)]
    (tmp_path / "F.csv").write_text("\n".join(rows))
    out = tmp_path / "F.json"
    where = f"source.path={tmp_path / 'F.csv'}", f"out={out}"
    forecast_csv(sized(*where, "laws=[chinchilla,joint]", "compute.flops=5e12"))
    *curves, additive, joint = json.loads(out.read_text())
    assert len(curves) == 3 and (additive["law"], joint["law"]) == ("chinchilla", "joint")
    assert additive["parameters"]["beta"] == pytest.approx(law.example[3], rel=0.05)
    (best,) = additive["best_size"]
    assert best["budget"] == {"examples": 3200, "flops": 5e12, "tokens_per_example": 1}
    assert {of["size"]: round(of["n"]) for of in best["sizes"]} == {1e8: 3200, 4e8: 2083, 1.6e9: 521}
    assert 1e8 < best["optimum"]["size"] < 4e9
    assert f"size {best['sizes'][0]['size']:.4g} is the best of 3" in " ".join(capsys.readouterr().out.split())

    with pytest.raises(FathomError, match="laws: power is a law of one curve"):
        forecast_csv(sized(*where, "laws=[power]"))
