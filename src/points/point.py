"""A point before it is run: its data, its base, and the key that says whether it has been run already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from src.benchmarks.benchmark import Benchmark, Example
from src.config.model import HubModel
from src.config.train import TrainConfig
from src.errors import FathomError
from src.models.hub import require_access
from src.modules.training import resolve_precision
from src.points.base import Base, find_base
from src.points.keys import (
    COSMETIC_TRAINER,
    OWN,
    digests_of,
    generation_key,
    pool_of,
    scores_key,
    settings_of,
    standard_keys,
    test_of,
    weights_key,
)

TASK = "src.tasks.finetune"
# What of a trainer matters where nothing is trained.
EVALUATING = {"accelerator", "threads"}
NOT_OF_FIRST = ("benchmark", "train_on", "also")  # the keys of a point that one which comes before does not share


Evaluated = tuple[Benchmark, list[Example]]


@dataclass(frozen=True)
class Point:
    """`pool` is everything that examples can be drawn from, `test` everything that is evaluated.

    `also` are the further benchmarks with their test sets; `first` is the point whose weights this one starts from.
    `weights` and `completions` (by further benchmark, the own as "" and, at n = 0, "standard") are the keys of what
    `key` is made of.
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
    weights: str
    completions: dict[str, str]
    key: str
    untold: tuple[str, ...] = ()

    @property
    def trained_on(self) -> Benchmark:
        return self.config.train_on or self.config.benchmark

    @property
    def evaluated(self) -> dict[str, Evaluated]:
        """What it is evaluated on, by the names that `completions` has of them."""
        return {OWN: (self.config.benchmark, self.test), **self.also}

    @property
    def work(self) -> str:
        """The key of what is at work and unfinished: what differs in its scores alone has it too."""
        return self.weights if self.config.n_examples else self.completions[OWN]

    @property
    def on_every_curve(self) -> bool:
        """The base itself is measured: seed, recipe and method, which tell curves apart, are not in it."""
        return self.config.n_examples == 0 and self.first is None

    @property
    def name(self) -> str:
        if self.on_every_curve:
            return " · ".join([self.config.model.label, self.config.benchmark.name, *self.untold, "n=0"])
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
        """The scientific configuration, flat, as MLflow params: at n = 0 what of it matters there."""
        c = self.config
        params: dict[str, Any] = {
            "model": c.model.label,
            "benchmark": c.benchmark.name,
            "n_examples": c.n_examples,
            "trainer.precision": resolve_precision(c.trainer),
            **digests_of(TASK, c, self.base, c.also),
        }
        sections = {
            "benchmark": settings_of(c.benchmark),
            "model": c.model.model_dump(mode="json", exclude={"pretraining"}),
            "trainer": c.trainer.model_dump(mode="json", include=EVALUATING),
            "generation": c.generation.model_dump(mode="json"),
        }
        if not self.on_every_curve:
            params |= {"method": c.method.name, "recipe": c.recipe.name, "seed": c.seed}
            sections |= {name: getattr(c, name).model_dump(mode="json") for name in ("method", "recipe")}
        if c.n_examples:
            params |= {
                "recipe.holds_constant": c.recipe.holds_constant,
                "recipe.batch_examples": c.recipe.batch_size_for(c.n_examples),
                "recipe.learning_rates": c.learning_rates,
                "digest.pool": self.pool_digest,
            }
            sections["trainer"] = c.trainer.model_dump(mode="json", exclude=COSMETIC_TRAINER)
            params |= {"train_on": c.train_on.name} if c.train_on else {}
        if self.first is not None:
            params["first"] = f"{self.first.config.n_examples} {self.first.config.benchmark.name}"
        for section, fields in sections.items():
            params |= {f"{section}.{key}": value for key, value in fields.items() if key != "name"}
        return params


class PoolTooSmall(FathomError):
    """More examples were asked for than there are."""


def identify(config: TrainConfig) -> Point:
    """Read the data, find the base (pretraining a missing tiny one) and compute the keys (src/points/keys.py)."""
    benchmark, trained_on = config.benchmark, config.train_on or config.benchmark
    # At n = 0 nothing is drawn: a pool that is not at hand is not asked for.
    pool, pool_digest = pool_of(trained_on) if config.n_examples else ([], "")
    test, test_digest = test_of(benchmark)
    if config.n_examples > len(pool):
        raise PoolTooSmall(
            f"n_examples: {config.n_examples} were asked for, "
            f"but the pool of {trained_on.name} holds {len(pool)} examples"
        )
    if isinstance(config.model, HubModel) and config.model.init == "pretrained":
        require_access(config.model.path, config.model.revision)  # before anything is computed or downloaded
    base = find_base(config.model, config.trainer, config.tracking)
    first = identify(_first(config)) if config.first and config.first.n_examples else None
    weights = weights_key(config, base, first.weights if first else None, pool_digest)
    benchmarks = {OWN: benchmark, **config.also}
    completions = {name: generation_key(weights, config, of) for name, of in benchmarks.items()}
    if config.n_examples == 0:
        completions |= standard_keys(weights, config, benchmark)
    key = scores_key("finetune", TASK, config, benchmarks, completions, n_examples=config.n_examples)
    also = {name: (other, test_of(other)[0]) for name, other in config.also.items()}
    return Point(config, base, first, pool, test, also, pool_digest, test_digest, weights, completions, key)


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
            "save": "auto",
        }
    )
