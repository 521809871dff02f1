"""The borders between the rooms: the linter's contracts hold, and they bite."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).parents[1]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(directory):
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, env={"PYTHONPATH": str(directory)})


def test_the_contracts_hold():
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


def test_a_forbidden_import_breaks_them(tmp_path):
    copytree(ROOT / "src", tmp_path / "src", ignore=ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    law = tmp_path / "src/scaling/laws/law.py"
    law.write_text(law.read_text() + "\nfrom src.tracking.store import open_store\n")
    task = tmp_path / "src/report/write.py"
    task.write_text(task.read_text() + "\nimport mlflow\n")
    benchmark = tmp_path / "src/benchmarks/general.py"
    benchmark.write_text(benchmark.read_text() + "\nimport datasets\n")
    outcome = lint(tmp_path)
    assert outcome.returncode == 1
    assert "src.benchmarks.general -> datasets" in outcome.stdout
    assert "src.scaling.laws.law -> src.tracking.store" in outcome.stdout
    assert "src.report.write -> mlflow" in outcome.stdout
