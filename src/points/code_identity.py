"""Which of this project's source files a result depends on."""

import ast
from pathlib import Path

from src.tracking.identity import code_digest

# Tracking, configuration and reporting can be edited without making a measured number another one.
SCIENCE = ("src.benchmarks", "src.sandbox", "src.models", "src.modules", "src.generation", "src.judging", "src.scaling")
ROOT = Path(__file__).parents[2]


def code_of(*modules: str) -> str:
    """Digest of the named modules and of all that they import, directly or not, from the scientific rooms.

    A benchmark or an engine that a point does not use can so be added without touching the point's run key.
    """
    seen: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = ROOT / (module.replace(".", "/") + ".py")
        if module in seen or not path.is_file():
            continue
        seen[module] = path
        waiting += [name for name in _imports(path) if name.startswith(SCIENCE)]
    return code_digest(seen[module] for module in sorted(seen))


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from src.benchmarks.world import words` names a module, `from src.errors import FathomError` does not.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names
