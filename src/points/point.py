"""A point before it is run: its data, its base, and the key that says whether it has been run already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.data.examples_digest import examples_digest
from src.config.model import HubModel
from src.config.train import TrainConfig
from src.errors import FathomError
from src.models.hub import require_access
from src.modules.training import resolve_precision
from src.points.base import Base, find_base
from src.points.code_identity import code_of
from src.tracking.identity import digest, file_digest, run_key

# What of a trainer changes no number: its name, how it looks and how often it saves. Precision enters resolved.
COSMETIC_TRAINER = {"name", "progress_bar", "checkpoint_every_steps", "precision"}
NOT_OF_FIRST = ("benchmark", "train_on", "also")  # the keys of a point that one which comes before does not share


Evaluated = tuple[Benchmark, list[Example]]


@dataclass(frozen=True)
class Point:
    """`pool` is everything that examples can be drawn from, `test` everything that is evaluated.

    `also` are the further benchmarks with their test sets; `first` is the point whose weights this one starts from.
    `untold` are overrides that its name must say beside its own words, to tell it from the others of its sweep.
    """

    config: TrainConfig
    base: Base
    first: "Point | None"
    pool: list[Example]
    test: list[Example]
    also: dict[str, Evaluated]
    pool_digest: str
    test_digest: str
    code: str
    key: str
    untold: tuple[str, ...] = ()

    @property
    def trained_on(self) -> Benchmark:
        return self.config.train_on or self.config.benchmark

    @property
    def name(self) -> str:
        return " · ".join([*self.curve, f"n={self.config.n_examples}", f"seed={self.config.seed}"])

    @property
    def curve(self) -> tuple[str, ...]:
        """The words of the name that hold for every n and seed."""
        c = self.config
        what = [c.model.label, c.benchmark.name]
        what += [f"on {c.train_on.name}"] if c.train_on else []
        what += [f"after {self.first.config.n_examples} {self.first.trained_on.name}"] if self.first else []
        what += [c.method.name] if c.method.name != "full" else []
        return (*what, *self.untold)

    def telling(self, untold: Sequence[str]) -> "Point":
        """The same point, whose name says `untold` too, and what of it holds there that of the point it starts from."""
        of_first = [override for override in untold if not override.startswith(NOT_OF_FIRST)]
        return replace(self, untold=tuple(untold), first=self.first.telling(of_first) if self.first else None)

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
            "recipe.learning_rates": c.learning_rates,
            "trainer.precision": resolve_precision(c.trainer),
            "digest.base": self.base.digest,
            "digest.data": digest([self.pool_digest, self.test_digest]),
            "digest.code": self.code,
        }
        if c.train_on is not None:
            params["train_on"] = c.train_on.name
        if c.first is not None:
            params["first"] = f"{c.first.n_examples} {c.first.benchmark.name}"
        sections = {"benchmark": settings_of(c.benchmark)}
        for section in ("model", "method", "recipe", "trainer", "generation"):
            sections[section] = getattr(c, section).model_dump(mode="json", exclude={"pretraining", *COSMETIC_TRAINER})
        for section, fields in sections.items():
            params |= {f"{section}.{key}": value for key, value in fields.items() if key != "name"}
        return params


class PoolTooSmall(FathomError):
    """More examples were asked for than there are."""


def identify(config: TrainConfig) -> Point:
    """Read the data, find the base (pretraining a missing tiny one) and compute the run key.

    The key digests everything that can change the point's result: the configuration without cosmetics, the data, the
    base's weights, and the code of the task and of all that it imports.
    """
    benchmark, trained_on = config.benchmark, config.train_on or config.benchmark
    # At n = 0 nothing is drawn: a pool that is not at hand is not asked for.
    pool, pool_digest = _pool_of(trained_on) if config.n_examples else ([], "")
    test, test_digest = test_of(benchmark)
    also = {name: (other, *test_of(other)) for name, other in config.also.items()}
    if config.n_examples > len(pool):
        raise PoolTooSmall(
            f"n_examples: {config.n_examples} were asked for, "
            f"but the pool of {trained_on.name} holds {len(pool)} examples"
        )
    if isinstance(config.model, HubModel) and config.model.init == "pretrained":
        require_access(config.model.path, config.model.revision)  # before anything is computed or downloaded
    trainer = config.trainer.model_dump(exclude=COSMETIC_TRAINER) | {"precision": resolve_precision(config.trainer)}
    base = find_base(config.model, config.trainer, config.tracking)
    first = identify(_first(config)) if config.first and config.first.n_examples else None
    benchmarks = [benchmark, trained_on, *config.also.values()]
    code = code_of("src.tasks.finetune", *(type(used).__module__ for used in benchmarks))
    key = run_key(
        "finetune",
        study=config.study,  # a study stands on its own: it has its points, not another study's
        n_examples=config.n_examples,
        seed=config.seed,
        base=base.digest,
        first=first.key if first else None,
        model=config.model.model_dump(exclude={"name", "path", "revision", "pretraining"}),
        benchmark=settings_of(benchmark),
        train_on=settings_of(trained_on),
        also={name: settings_of(other) for name, other in config.also.items()},
        data=[
            pool_digest,
            test_digest,
            *(also_digest for *_, also_digest in also.values()),
            *(file_digest(path) for used in benchmarks for path in used.data_files()),
        ],
        method=config.method.model_dump(),
        recipe=config.recipe.model_dump(exclude={"name"}),
        trainer=trainer,
        generation=config.generation.model_dump(),
        code=code,
    )
    tests = {name: (other, items) for name, (other, items, _) in also.items()}
    return Point(config, base, first, pool, test, tests, pool_digest, test_digest, code, key)


def _first(config: TrainConfig) -> TrainConfig:
    """The point that `config.first` describes: a point of the same study whose weights are kept."""
    assert config.first is not None
    return config.model_copy(
        update={
            "benchmark": config.first.benchmark,
            "n_examples": config.first.n_examples,
            "train_on": None,
            "first": None,
            "also": {},
            "tracking": config.tracking.model_copy(update={"save_model": True}),
        }
    )


def settings_of(benchmark: Benchmark) -> dict[str, Any]:
    """The fields of a benchmark that can change a result: not where its files lie, nor what code is kept in."""
    places = {name for name, value in benchmark if isinstance(value, Path)}
    return benchmark.model_dump(mode="json", exclude={*places, "sandbox"}, exclude_none=True)


# Kept for the jobs of a sweep, which mostly share a benchmark.


@cache
def _pool_of(benchmark: Benchmark) -> tuple[list[Example], str]:
    pool = benchmark.pool()
    return pool, examples_digest(pool)


@cache
def test_of(benchmark: Benchmark) -> tuple[list[Example], str]:
    """What is evaluated, and its digest."""
    test = benchmark.test()[: benchmark.test_limit]
    return test, examples_digest(test)
