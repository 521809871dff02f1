"""A point before it is run: its data, its base, and the key that says whether it has been run already."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from src.benchmarks.base import Benchmark, Example
from src.benchmarks.digest import examples_digest
from src.config import HubModel, TrainConfig
from src.errors import FathomError
from src.models.hub import require_access
from src.modules.trainer import resolve_precision
from src.tasks.bases import Base, find_base
from src.tasks.science import code_of
from src.tracking.identity import digest, file_digest, run_key

# What of a trainer changes no number: its name, how it looks and how often it saves. Precision enters resolved.
COSMETIC_TRAINER = {"name", "progress_bar", "checkpoint_every_steps", "precision"}


@dataclass(frozen=True)
class Point:
    """`pool` is everything that examples can be drawn from, `test` everything that is evaluated."""

    config: TrainConfig
    base: Base
    pool: list[Example]
    test: list[Example]
    pool_digest: str
    test_digest: str
    code: str
    key: str

    @property
    def name(self) -> str:
        c = self.config
        return f"{c.model.label} · {c.benchmark.name} · n={c.n_examples} · seed={c.seed}"

    @property
    def params(self) -> dict[str, Any]:
        """The scientific configuration, flat, as MLflow params."""
        c = self.config
        params: dict[str, Any] = {
            "model": c.model.label,
            "benchmark": c.benchmark.name,
            "method": c.method.name,
            "recipe": c.recipe.name,
            "n_examples": c.n_examples,
            "seed": c.seed,
            "recipe.holds_constant": c.recipe.holds_constant,
            "recipe.batch_examples": c.recipe.batch_size_for(c.n_examples),
            "trainer.precision": resolve_precision(c.trainer),
            "digest.base": self.base.digest,
            "digest.data": digest([self.pool_digest, self.test_digest]),
            "digest.code": self.code,
        }
        for section in ("model", "benchmark", "method", "recipe", "trainer", "generation"):
            fields = getattr(c, section).model_dump(mode="json", exclude={"name", "pretraining", *COSMETIC_TRAINER})
            params |= {f"{section}.{key}": value for key, value in fields.items()}
        return params


def identify(config: TrainConfig) -> Point:
    """Read the data, find the base (pretraining a missing tiny one) and compute the run key.

    The key digests everything that can change the point's result: the configuration without cosmetics, the data, the
    base's weights, and the code that trains and scores.
    """
    benchmark = config.benchmark
    pool, test, pool_digest, test_digest = _data_of(benchmark)
    if config.n_examples > len(pool):
        raise FathomError(
            f"n_examples: {config.n_examples} were asked for, "
            f"but the pool of {benchmark.name} holds {len(pool)} examples"
        )
    if isinstance(config.model, HubModel) and config.model.init == "pretrained":
        require_access(config.model.path, config.model.revision)  # before anything is computed or downloaded
    trainer = config.trainer.model_dump(exclude=COSMETIC_TRAINER) | {"precision": resolve_precision(config.trainer)}
    base = find_base(config.model, config.trainer, config.tracking)
    code = code_of(
        type(benchmark).__module__,
        f"src.generation.{config.generation.name}",
        "src.tasks.draw",
        "src.tasks.finetune",
        "src.tasks.measure",
    )
    key = run_key(
        "finetune",
        study=config.study,  # a study stands on its own: it has its points, not another study's
        n_examples=config.n_examples,
        seed=config.seed,
        base=base.digest,
        model=config.model.model_dump(exclude={"name", "path", "revision", "pretraining"}),
        benchmark=benchmark.model_dump(mode="json", exclude={"path"}),
        data=[pool_digest, test_digest, *[file_digest(path) for path in benchmark.data_files()]],
        method=config.method.model_dump(),
        recipe=config.recipe.model_dump(exclude={"name"}),
        trainer=trainer,
        generation=config.generation.model_dump(),
        code=code,
    )
    return Point(config, base, pool, test, pool_digest, test_digest, code, key)


@cache
def _data_of(benchmark: Benchmark) -> tuple[list[Example], list[Example], str, str]:
    """Kept for the jobs of a sweep, which mostly share a benchmark."""
    pool, test = benchmark.pool(), benchmark.test()[: benchmark.test_limit]
    return pool, test, examples_digest(pool), examples_digest(test)
