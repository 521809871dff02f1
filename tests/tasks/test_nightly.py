import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from shutil import copytree
from threading import Thread
from types import SimpleNamespace

import pytest
from filelock import FileLock

from src.tasks.nightly import _forget
from src.tracking.nights import judged_nights
from src.tracking.query import points
from src.tracking.store import open_store

ROOT = Path(__file__).parents[2]


def overrides(**changed):
    known = {
        "model.init": "random", "recipe": "tiny_steps", "recipe.steps": "60", "recipe.lr": "2e-3",
        "benchmark": "arithmetic", "benchmark.test_limit": "60", "benchmark.max_new_tokens": "8",
        "n_examples": "160", "seed": "0,1",
    }  # fmt: skip
    return "[" + ",".join(f"'{key}={value}'" for key, value in {**known, **changed}.items()) + "]"


def run(tmp_path, night, *more, sweep=None, code=ROOT):
    sweep = overrides() if sweep is None else sweep
    command = [
        *(sys.executable, "src/nightly.py", f"night={night}", f"overrides={sweep}", f"out={tmp_path}/nightly"),
        *(f"tracking.root={tmp_path}/mlruns", "laws=[]", f"hydra.run.dir={tmp_path}/hydra", *more),
    ]
    environment = os.environ | {"PYTHONPATH": str(code)}
    return subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_old_nights_go_and_what_is_not_a_night_stays(tmp_path):
    nights = [tmp_path / f"2026-01-0{day}" for day in (1, 2, 3)]
    others = [tmp_path / "photos", tmp_path / "2020-01-01"]  # the second is a folder of the user's own
    for folder in (*nights, *others):
        folder.mkdir()
    for night in nights:
        (night / "log.txt").touch()
    _forget(SimpleNamespace(out=tmp_path, keep=2))
    assert sorted(tmp_path.iterdir()) == sorted([*nights[1:], *others])


def test_a_second_nightly_sweep_does_not_start(tmp_path):
    locks = tmp_path / "mlruns" / "locks"
    locks.mkdir(parents=True)
    with FileLock(locks / "nightly.nightly.lock"):
        ended = run(tmp_path, "2026-01-01")
    assert ended.returncode == 1
    assert "still running" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_nights_are_judged_and_a_halved_learning_rate_is_caught(tmp_path):
    first = run(tmp_path, "2026-01-01")
    assert first.returncode == 0, first.stderr
    second = run(tmp_path, "2026-01-02")
    assert second.returncode == 0, second.stderr + (tmp_path / "nightly" / "2026-01-02" / "log.txt").read_text()
    text = (tmp_path / "nightly" / "2026-01-02" / "report.html").read_text()
    assert "2 of 2 equal to those of the night before to the last bit" in text

    heard = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    halved = run(
        tmp_path,
        "2026-01-03",
        f"notify=json://127.0.0.1:{server.server_port}",
        sweep=overrides(**{"recipe.lr": "1e-3"}),
    )
    server.shutdown()
    assert halved.returncode == 1
    assert "worse than the nights before" in halved.stderr
    assert "regression" in heard[0]["message"]

    store = open_store(None, tmp_path / "mlruns")
    verdicts = {night.date: night.verdict for night in judged_nights(store, "nightly")}
    assert verdicts == {"2026-01-01": "good", "2026-01-02": "good", "2026-01-03": "regression"}
    assert len(points(store, "nightly-2026-01-03")) == 2

    accepted = run(tmp_path, "2026-01-04", "accept=2026-01-03")
    assert accepted.returncode == 0, accepted.stderr
    assert judged_nights(store, "nightly")[-1].verdict == "good"

    lacking = run(tmp_path, "2026-01-05", sweep=overrides(**{"seed": "0", "recipe.lr": "2e-3,1e9"}))
    assert lacking.returncode == 1
    assert "incomplete" in lacking.stderr
    assert "Too few points are left to compare" in lacking.stdout
    assert re.search(r"^failed .*: training diverged", lacking.stdout, re.MULTILINE)
    assert judged_nights(store, "nightly")[-1].verdict == "incomplete"


@pytest.mark.slow
def test_a_scorer_that_is_wrong_from_tonight_on_is_caught(tmp_path):
    code = tmp_path / "code"
    for name in ("src", "conf"):
        copytree(ROOT / name, code / name)
    for part, numbers in (("train", range(120)), ("test", range(120, 180))):
        rows = [
            {"prompt": f"no. {i}: {i % 3} + 5", "answer": f"{i % 3} + 5 is\n#### {i % 3 + 5}", "gold": str(i % 3 + 5)}
            for i in numbers
        ]
        (tmp_path / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sweep = overrides(
        **{"benchmark": "jsonl", "benchmark.scorer": "number", "n_examples": "80", "benchmark.max_new_tokens": "12"},
        **{f"benchmark.{part}": str(tmp_path / f"{part}.jsonl") for part in ("train", "test")},
    )
    good = run(tmp_path, "2026-01-01", sweep=sweep, code=code)
    assert good.returncode == 0, good.stderr

    scorer = code / "src" / "benchmarks" / "scoring" / "number.py"
    right, wrong = "found = _after(marker).search(text)", "found = _ANYWHERE.search(text)"
    assert right in scorer.read_text()
    scorer.write_text(scorer.read_text().replace(right, wrong))  # the first number of an answer, and not the last
    caught = run(tmp_path, "2026-01-02", sweep=sweep, code=code)
    assert caught.returncode == 1
    assert "the night of 2026-01-02 is worse than the nights before" in caught.stderr
    assert "eval/accuracy at n = 80" in caught.stdout and "eval/nll" not in caught.stdout
