"""Which of this project's code a result depends on: a task, and all that it imports, less what changes no number."""

import ast
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from src.tracking.identity import digest

ROOT = Path(__file__).parents[2]

# Modules, and packages with all that is in them, that can be edited without making a number another one, and why.
# Neither they nor what is imported through them alone is in a digest, unless the digest is asked for them by name.
EXCUSED = {
    "src.child_process": "ends the processes that were started",
    "src.config.check": "refuses a configuration and changes none",
    "src.config.tracking": "says where results are kept",
    "src.errors": "the type of the sentences that end a run",
    "src.hub": "finds files; digests of data and bases know what is in them",
    "src.models.hub": "finds a model's files; the base's digest knows what is in them",
    "src.modules.progress": "draws a progress bar",
    "src.points.code_identity": "decides what is in a digest, which is another one where the decision is",
    "src.points.first_step": "prints a step that is not taken",
    "src.points.full_disk": "words an error",
    "src.points.known_digest": "remembers what a file's bytes say",
    "src.points.pretraining": "has a run key of its own; what it leaves is in the base's digest, by its bytes",
    "src.report": "how numbers look and read; study/ and scaling/ compute them",
    "src.sweeps": "which process runs a point, and when",
    "src.tracking": "keeps what was computed; a task that computes from what is kept asks for tracking.query by name",
}

# What a module starts as processes of their own, which no import shows.
STARTED = {
    "src.sandbox.run": ("src.sandbox.inside.candidate", "src.sandbox.inside.driver", "src.sandbox.inside.keeper"),
}


class Stage(NamedTuple):
    """The modules where a stage of a point begins; those that they import but that change nothing in it, and why."""

    starts: tuple[str, ...]
    without: Mapping[str, str]


_KNOWN = {
    "src.benchmarks.benchmark": "what it gives to a model is in the digests of the data; what it scores comes later",
    "src.points.point": "names a point and reads its data, which the digests know",
}
TRAINING = Stage(("src.points.train",), {**_KNOWN, "src.config.generation": "what is trained is not evaluated yet"})
GENERATING = Stage(
    ("src.evaluation.completions", "src.evaluation.standard", "src.points.draw", "src.points.start"), _KNOWN
)

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(*modules: str, without: Collection[str] = ()) -> str:
    """Digest (hex) of the named modules and of every module of `src` that they import, directly or not.

    Name the module of the task and those of the benchmarks, which the configuration imports. A module counts by its
    name and by what it does: comments, docstrings and layout are taken out. `without` are excused beside the others.
    SyntaxError for a module that is not Python.
    """
    return _digest(ROOT, tuple(modules), frozenset(without))


@cache  # a sweep asks for the same digests once a point
def _digest(root: Path, modules: tuple[str, ...], without: frozenset[str]) -> str:
    return digest({name: source.bare for name, source in followed(*modules, without=without).items()})


class Source(NamedTuple):
    """A module without comments, docstrings and layout; the modules of `src` that it imports."""

    bare: str
    imports: frozenset[str]


def followed(*modules: str, without: Collection[str] = ()) -> dict[str, Source]:
    """What `code_of` digests, by the modules' names."""
    seen: dict[str, Source] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen[module] = _read(_file(module) or _elsewhere(module))
            found = (*seen[module].imports, *STARTED.get(module, ()))
            waiting += [name for name in found if not excused(name) and name not in without]
    return seen


def excused(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in EXCUSED)


def _file(module: str) -> Path | None:
    """The file of a module or a package in this project."""
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _elsewhere(module: str) -> Path:
    """The file of a benchmark's module that the user brought from outside the project."""
    return Path(str(sys.modules[module].__file__))


def _read(path: Path) -> Source:
    of = path.stat()
    return _read_version(path, of.st_size, of.st_mtime_ns, of.st_ino)


@cache  # past a fork, too, after which the file may have changed
def _read_version(path: Path, *version: int) -> Source:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports: set[str] = set()
    for node in ast.walk(tree):  # all the way down: an import inside a function counts
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from src.benchmarks.world import words` names a module, `from src.errors import FathomError` does not.
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    # Importing a.b.c runs a and a.b too.
    parts = [name.split(".") for name in imports if name.split(".")[0] == "src"]
    names = {".".join(name[:length]) for name in parts for length in range(1, len(name) + 1)}
    return Source(ast.unparse(tree), frozenset(name for name in names if _file(name)))
