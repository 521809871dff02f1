"""The keys of a point: what its weights, its completions and its scores each depend on, and nothing else.

weights key      n, seed, base, pool, method, recipe, trainer, and the code that draws and trains
generation key   weights, prompts, generation settings, and the code that completes prompts
run key          completions, benchmark, and all code of the task

A changed scorer leaves the first two keys as they are, a changed generation setting the first. At n = 0 nothing of the
recipe, the method or the seed is in any of them: every curve over the same base shares the point.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.data.examples_digest import examples_digest
from src.benchmarks.lm_eval import LmEval
from src.config.measuring import Measuring
from src.config.train import TrainConfig
from src.modules.training import resolve_precision
from src.points.base import Base
from src.points.code_identity import GENERATING, TRAINING, code_of
from src.tracking.identity import digest, file_digest, run_key

# What of a trainer changes no number: its name, how it looks and how often it saves. Precision enters resolved.
COSMETIC_TRAINER = {"name", "progress_bar", "checkpoint_every_steps", "precision"}
OWN, STANDARD = "", "standard"  # names of completions: of the own benchmark's prompts, and as the field asks them
COSMETIC_MODEL = {"name", "path", "revision", "pretraining"}  # the base's digest knows its weights


def weights_key(config: TrainConfig, base: Base, first: str | None, pool_digest: str) -> str:
    """Of the weights that training leaves, or that it would start from where n is 0; `first` is what it starts from.

    In-context learning trains nothing, yet answers by what is drawn: its key is as if it did.
    """
    if config.n_examples == 0:
        return first or base.digest
    return run_key(
        "weights",
        study=config.study,  # a study stands on its own: it has its points, not another study's
        n_examples=config.n_examples,
        seed=config.seed,
        base=base.digest,
        first=first,
        model=config.model.model_dump(exclude=COSMETIC_MODEL),
        pool=pool_digest,
        method=config.method.model_dump(),
        recipe=config.recipe.model_dump(exclude={"name"}),
        trainer=config.trainer.model_dump(exclude=COSMETIC_TRAINER) | {"precision": resolve_precision(config.trainer)},
        code=code_of(*TRAINING.starts, without=TRAINING.without),
    )


def generation_key(weights: str, config: Measuring, benchmark: Benchmark) -> str:
    """Of what a model answers to a benchmark's test items, and of the loss of their reference answers."""
    return _generation_key(weights, config, asked=_asked(benchmark), settings=_settings(config, "pass_at"))


def standard_keys(weights: str, config: Measuring, benchmark: Benchmark) -> dict[str, str]:
    """Of what a model answers to the benchmark's standard prompts, by the name STANDARD; empty where it has none."""
    asked = _asked_as_standard(benchmark)
    return {} if asked is None else {STANDARD: _generation_key(weights, config, asked=asked)}


def _generation_key(weights: str, config: Measuring, **what: Any) -> str:
    return run_key(
        "generation",
        weights=weights,
        model=config.model.model_dump(exclude=COSMETIC_MODEL),
        **what,
        trainer=[config.trainer.accelerator, config.trainer.threads, resolve_precision(config.trainer)],
        code=code_of(*GENERATING.starts, without=GENERATING.without),
    )


def scores_key(
    kind: str,
    task: str,
    config: Measuring,
    benchmarks: Mapping[str, Benchmark],
    completions: Mapping[str, str],
    **what: Any,
) -> str:
    """The run key of `kind`: of the scores that `task` gives completions, known by their keys, on these benchmarks."""
    return run_key(
        kind,
        study=config.study,
        completions=completions,
        benchmarks={name: settings_of(benchmark) for name, benchmark in benchmarks.items()},
        data={name: [test_of(of)[1], *map(file_digest, of.data_files())] for name, of in benchmarks.items()},
        generation=_settings(config),
        code=code_of(task, *(type(benchmark).__module__ for benchmark in benchmarks.values())),
        **what,
    )


def digests_of(task: str, config: Measuring, base: Base, also: Mapping[str, Benchmark] | None = None) -> dict[str, str]:
    """Of what a run of `task` is made, as its params have them."""
    benchmarks = (config.benchmark, *(also or {}).values())
    return {
        "digest.base": base.digest,
        "digest.test": test_of(config.benchmark)[1],
        "digest.code": code_of(task, *(type(benchmark).__module__ for benchmark in benchmarks)),
    }


def _settings(config: Measuring, *scoring: str) -> dict[str, Any]:
    """Those of generation, but for how many answers go in a batch: what is likeliest, or drawn, is by prompt."""
    return config.generation.model_dump(exclude={*config.generation.cosmetic, *scoring})


def settings_of(benchmark: Benchmark) -> dict[str, Any]:
    """The fields of a benchmark that can change a result: not where its files lie, nor what code is kept in."""
    places = {name for name, value in benchmark if isinstance(value, Path)}
    return benchmark.model_dump(mode="json", exclude={*places, "sandbox"}, exclude_none=True)


# Kept for the jobs of a sweep, which mostly share a benchmark.


@cache
def pool_of(benchmark: Benchmark) -> tuple[list[Example], str]:
    """What examples are drawn from, and its digest."""
    pool = benchmark.pool()
    return pool, examples_digest(pool)


@cache
def test_of(benchmark: Benchmark) -> tuple[list[Example], str]:
    """What is evaluated, and its digest."""
    test = benchmark.test()[: benchmark.test_limit]
    return test, examples_digest(test)


@cache
def _asked(benchmark: Benchmark) -> str:
    """What of a benchmark reaches the model: prompts, reference answers, room to answer. A harness asks by itself."""
    if isinstance(benchmark, LmEval):
        return digest([settings_of(benchmark), [file_digest(path) for path in benchmark.data_files()]])
    test, _ = test_of(benchmark)
    return digest([benchmark.max_new_tokens, benchmark.stops, [[example.prompt, example.answer] for example in test]])


@cache
def _asked_as_standard(benchmark: Benchmark) -> str | None:
    standard = benchmark.standard()
    if standard is None:
        return None
    test, _ = test_of(benchmark)
    return digest(["standard", benchmark.max_new_tokens, standard.stops, [standard.ask(example) for example in test]])
