"""A run key follows the code that can change its result: all of it, and nothing else."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
import yaml

from src.benchmarks.gsm8k import Gsm8k
from src.points import code_identity
from src.points.code_identity import EXCUSED, code_of, excused, followed
from src.points.point import identify

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
}
TARGETS = [yaml.safe_load(path.read_text())["_target_"] for path in (ROOT / "conf/benchmark").glob("*.yaml")]
BENCHMARKS = sorted({target.rpartition(".")[0] for target in TARGETS})
FINETUNE = ("src.tasks.finetune", "src.benchmarks.gsm8k")
# What a digest is asked for: each task, the benchmarks, and the bases that the points begin with.
STARTS = sorted(module for module in MODULES if module.startswith("src.tasks.")) + BENCHMARKS
STARTS += ["src.points.pretraining", "src.tracking.query"]
# They check a configuration and hand it to a task.
ENTRY_POINTS = {f"src.{path.stem}" for path in (ROOT / "src").glob("*.py") if "@hydra.main" in path.read_text()}
ENTRY_POINTS |= {"src.entry", "src.hydra_plugins.processes_launcher", "src.hydra_plugins.composed_once_sweeper"}


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """edited("points/draw"): from here on the digests are of a copy of src/ in which that module holds one name more.

    Another path, so that nothing read before is remembered.
    """

    def edit(module, more="\n_edited = 1\n"):
        copytree(ROOT / "src", tmp_path / "src", ignore=ignore_patterns("__pycache__"))
        path = tmp_path / f"src/{module}.py"
        path.write_text(path.read_text() + more)
        monkeypatch.setattr(code_identity, "ROOT", tmp_path)

    return edit


@pytest.mark.parametrize(
    "module",
    [
        *("points/export", "points/base", "points/point", "points/draw", "points/start", "config/recipe"),
        *(
            "evaluation/completions",
            "evaluation/scoring",
            "tasks/finetune",
            "models/load",
            "modules/training",
            "generation/row_cache",
        ),
        *("benchmarks/gsm8k", "benchmarks/scoring/number", "benchmarks/data/jsonl_files", "models/__init__"),
    ],
)
def test_an_edit_of_what_a_point_uses_makes_another_digest(edited, module):
    before = code_of(*FINETUNE)
    edited(module)
    assert code_of(*FINETUNE) != before


@pytest.mark.parametrize(
    "module",
    [
        *("report/write", "tracking/spool", "tracking/query", "sweeps/sweep", "modules/progress", "points/pretraining"),
        *(
            "benchmarks/mbpp",
            "config/eval",
            "config/judge",
            "tasks/analyze",
            "scaling/laws/law",
            "sandbox/run",
            "entry",
        ),
    ],
)
def test_an_edit_of_what_a_point_does_not_use_leaves_the_digest(edited, module):
    before = code_of(*FINETUNE)
    edited(module)
    assert code_of(*FINETUNE) == before


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("modules/causal_lm", {"weights", "completions", "scores"}),
        ("points/draw", {"weights", "completions", "scores"}),
        ("benchmarks/data/nested_subset", {"weights", "completions", "scores"}),
        ("models/prompt", {"weights", "completions", "scores"}),
        ("generation/greedy", {"completions", "scores"}),
        ("evaluation/completions", {"completions", "scores"}),
        ("evaluation/scoring", {"scores"}),
        ("evaluation/metrics", {"scores"}),
        ("evaluation/contamination", {"scores"}),
        ("benchmarks/benchmark", {"scores"}),
        ("benchmarks/gsm8k", {"scores"}),
        ("benchmarks/scoring/number", {"scores"}),
        ("points/point", {"scores"}),
        ("tasks/finetune", {"scores"}),
        ("report/write", set()),
    ],
)
def test_an_edit_reaches_the_stage_that_it_is_of_and_those_that_follow(edited, toy, tmp_path, module, changed):
    (tmp_path / "data").mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / "data" / name).write_text(f'{{"question": "one and one ({name})?", "answer": "#### 2"}}\n')
    config = toy(benchmark=Gsm8k(name="gsm8k", max_new_tokens=8, path=tmp_path / "data"), n_examples=1)

    def keys():
        point = identify(config)
        return {"weights": point.weights, "completions": point.completions, "scores": point.key}

    before = keys()
    edited(module)
    assert {name for name, key in keys().items() if key != before[name]} == changed


@pytest.mark.parametrize(
    ("start", "module"),
    [
        ("src.tasks.analyze", "study/curves"),
        ("src.tasks.analyze", "scaling/laws/law"),
        ("src.tasks.evaluate", "config/eval"),
        ("src.tasks.prefer", "judging/judge"),
        ("src.points.pretraining", "benchmarks/world/corpus"),
        ("src.benchmarks.mbpp", "sandbox/inside/driver"),
        ("src.tracking.query", "tracking/query"),
    ],
)
def test_every_other_digest_follows_its_task(edited, start, module):
    before = code_of(start)
    edited(module)
    assert code_of(start) != before


def test_every_module_is_reached_or_excused():
    assert set(BENCHMARKS) <= MODULES
    reached = set(followed(*STARTS))
    excuses = {module for module in MODULES if excused(module)}
    assert MODULES - reached - excuses == ENTRY_POINTS & MODULES


@pytest.mark.parametrize("name", EXCUSED)
def test_every_excuse_has_a_reason_and_is_needed(monkeypatch, name):
    assert name in MODULES
    assert len(EXCUSED[name].split()) > 2
    monkeypatch.delitem(EXCUSED, name)
    starts = [start for start in STARTS if not start.startswith(name)]
    assert any(module == name or module.startswith(f"{name}.") for module in followed(*starts))


BEFORE = '''"""Module."""
import math

class A:
    """Class."""
    def area(self, r: float) -> float:
        """Method."""
        # a comment
        return math.pi * r**2
'''


def digest_of(root, monkeypatch, text):
    root.mkdir()
    (root / "a.py").write_text(text)
    monkeypatch.setattr(code_identity, "ROOT", root)
    return code_of("a")


@pytest.mark.parametrize(
    "edit",
    [
        ('"""Module."""', '"""Another."""'),
        ('"""Class."""', '"""Longer,\n    over lines."""'),
        ('        """Method."""\n', ""),
        ("# a comment", "# reworded, at length"),
        ("math.pi * r**2", "(math.pi\n                * (r ** 2))"),
    ],
)
def test_words_and_layout_leave_the_digest(tmp_path, monkeypatch, edit):
    assert edit[0] in BEFORE
    after = digest_of(tmp_path / "after", monkeypatch, BEFORE.replace(*edit))
    assert after == digest_of(tmp_path / "before", monkeypatch, BEFORE)


@pytest.mark.parametrize(
    "edit", [("r**2", "r**3"), ("import math", "import math as math2"), ("area", "surface"), ("r: float", "r: int")]
)
def test_code_changes_the_digest(tmp_path, monkeypatch, edit):
    after = digest_of(tmp_path / "after", monkeypatch, BEFORE.replace(*edit))
    assert after != digest_of(tmp_path / "before", monkeypatch, BEFORE)


def test_the_same_code_by_another_name_is_other_code(tmp_path, monkeypatch):
    monkeypatch.setattr(code_identity, "ROOT", tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    assert code_of("a") != code_of("b")


def test_imports_in_functions_and_of_modules_by_from_are_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(code_identity, "ROOT", tmp_path)
    (tmp_path / "src/room").mkdir(parents=True)
    (tmp_path / "src/a.py").write_text("def late():\n    from src.room import b\n    import json\n    return b.X")
    (tmp_path / "src/room/__init__.py").write_text("")
    (tmp_path / "src/room/b.py").write_text("import src.room.c\nX = 1")
    (tmp_path / "src/room/c.py").write_text("from src.errors import FathomError\nfrom src.a import late")
    assert set(followed("src.a")) == {"src.a", "src.room", "src.room.b", "src.room.c"}


def test_a_file_that_changed_since_it_was_read_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(code_identity, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("x = 1\n")
    before = followed("a")
    (tmp_path / "a.py").write_text("x = 22\n")
    assert followed("a") != before == {"a": ("x = 1", frozenset())}


def test_a_benchmark_from_elsewhere_counts_by_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = "a_benchmark_of_mine"
    (tmp_path / f"{name}.py").write_text("from src.benchmarks.scoring import number\n")
    import_module(name)
    assert {name, "src.benchmarks.scoring.number"} <= set(followed(name))


def test_a_points_code_is_that_of_its_task_and_its_benchmark(toy):
    assert identify(toy()).params["digest.code"] == code_of("src.tasks.finetune", toy.benchmark.__module__)


def test_another_process_gives_the_same_digest():
    # The processes of a sweep compare theirs with what the sweep froze.
    code = f"from src.points.code_identity import code_of; print(code_of(*{FINETUNE}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == code_of(*reversed(FINETUNE))
