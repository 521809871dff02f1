import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from src.tasks.install_nightly import systemd_units, with_crontab_line, workflow

ROOT = Path(__file__).parents[2]
LOG = Path("/somewhere/nightly.log")


def test_a_crontab_keeps_its_lines_and_has_the_nightly_one_once():
    others = "MAILTO=me\n0 5 * * * backup # every day\n"
    once = with_crontab_line(others, "python src/nightly.py days=14", "02:30", LOG)
    twice = with_crontab_line(once, "python src/nightly.py note=50%", "03:05", LOG)
    assert twice.startswith(others)
    (line,) = [line for line in twice.splitlines() if "nightly.py" in line]
    assert line.startswith("5 3 * * * cd ")
    assert r"50\%" in line


def test_units_and_workflow_say_when_and_what():
    units = systemd_units("/v/python src/nightly.py", "02:30", LOG)
    assert "OnCalendar=*-*-* 02:30:00" in units["fathom-nightly.timer"]
    assert f"WorkingDirectory={ROOT}" in units["fathom-nightly.service"]
    read = yaml.safe_load(workflow(["days=14"], "02:30"))
    assert read["jobs"]["nightly"]["runs-on"] == "self-hosted"
    assert any("src/nightly.py days=14" in step.get("run", "") for step in read["jobs"]["nightly"]["steps"])
    assert read[True]["schedule"] == [{"cron": "30 2 * * *"}]  # YAML reads `on` as true


@pytest.mark.parametrize("failing", [True, False])
def test_the_line_is_given_to_crontab_and_its_refusal_is_a_sentence(tmp_path, failing):
    # A crontab that keeps its table in a file: the real one would change that of who runs the tests.
    table = tmp_path / "table"
    program = tmp_path / "crontab"
    refuse = 'echo "you are not allowed" >&2; exit 1' if failing else f"cat > {table}"
    program.write_text(f'#!/bin/sh\n[ "$1" = -l ] && exec cat {table}\n{refuse}\n')
    program.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "src/install_nightly.py", "how=cron", f"hydra.run.dir={tmp_path}/hydra"],
        cwd=ROOT, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if failing:
        assert ended.returncode == 1
        assert "you are not allowed" in ended.stderr
        assert "Traceback" not in ended.stderr
    else:
        assert ended.returncode == 0, ended.stderr
        assert table.read_text().startswith("30 2 * * * ")
