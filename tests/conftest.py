"""What many rooms' tests need: a database with MLflow's tables, a toy benchmark, a configuration of seconds."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.config.train import TrainConfig
from src.tracking.store import open_store

# Read when torch is imported: the models are so small that a second thread costs more than it brings, and several test
# processes with a thread per core each slow one another down a hundredfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, not wrong.
settings.register_profile("fathom", deadline=None)
settings.load_profile("fathom")
SLOW_SECONDS = 1200  # before a slow test counts as hanging; for the others see `timeout` in pyproject.toml

WORDS = [a + b for a in ("ka", "lo", "mi", "nu", "pe", "ra", "so", "tu") for b in ("ba", "de", "fi", "go", "ha")]


class Echo(Benchmark):
    """Say the word again. `extra` adds an example to the pool, as a changed data file would."""

    name: str = "echo"
    max_new_tokens: int = 8
    extra: int = 0

    def pool(self):
        return [Example(f"say {word} {i}", word, word) for i in range(2 + self.extra) for word in WORDS[:30]]

    def test(self):
        return [Example(f"say {word} 0", word, word) for word in WORDS[30:]]

    def score(self, example, completion):
        said = completion.strip()
        if said not in WORDS:
            return Verdict(0.0, None, "format")
        return Verdict(1.0, said, None) if said == example.gold else Verdict(0.0, said, "reasoning")


PRETRAINING = {
    "tokens": 4000,
    "sequence_length": 64,
    "batch_size": 8,
    "lr": {"s": 1e-3, "m": 1e-3},
    "warmup_fraction": 0.1,
    "weight_decay": 0.0,
    "threads": 1,
    "seed": 0,
}
SECTIONS = {
    "study": "toy",
    "n_examples": 10,
    "seed": 0,
    "model": {
        "kind": "tiny",
        "name": "tiny_llama3",
        "family": "llama3",
        "size": "s",
        "init": "random",
        "pretraining": PRETRAINING,
    },
    "method": {"name": "full"},
    "recipe": {
        "name": "toy",
        "epochs": 2,
        "steps": None,
        "min_steps": 1,
        "batch_size": 8,
        "lr": 1e-3,
        "schedule": "cosine",
        "warmup_fraction": 0.1,
        "weight_decay": 0.0,
        "beta1": 0.9,
        "beta2": 0.98,
        "grad_clip": 1.0,
        "max_length": 64,
        "packing": True,
        "val_examples": 4,
        "val_checks": 1,
    },
    "trainer": {
        "name": "cpu",
        "accelerator": "cpu",
        "devices": 1,
        "strategy": "auto",
        "precision": "auto",
        "threads": 1,
        "micro_batch_tokens": 4096,
        "gradient_checkpointing": False,
        "checkpoint_every_steps": 100,
        "progress_bar": False,
    },
    "generation": {"name": "greedy", "batch_tokens": 4096},
    "show": None,
    "log_level": "warning",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables and no study: making them takes seconds, copying the file none."""
    root = tmp_path_factory.mktemp("template")
    open_store(None, root)
    copy = root / "copy.db"
    with closing(sqlite3.connect(root / "mlflow.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


@pytest.fixture
def toy(tmp_path, migrated):
    """toy(n_examples=3, recipe={"lr": 1.0}, …): the toy configuration with some of it changed."""

    def configure(root=tmp_path / "mlruns", benchmark=None, **changes):
        if not root.exists():
            root.mkdir(parents=True)
            (root / "mlflow.db").write_bytes(migrated.read_bytes())
        sections = {**SECTIONS, "benchmark": benchmark or Echo()}
        sections["tracking"] = {
            "uri": None,
            "root": root,
            "flush_seconds": 1.0,
            "patience_seconds": 0.0,
        }
        for key, value in changes.items():
            merged = isinstance(value, dict) and key in sections and key != "method"
            sections[key] = {**sections[key], **value} if merged else value
        return TrainConfig(**sections)

    configure.benchmark = Echo
    return configure
