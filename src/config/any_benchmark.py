"""`benchmark`: built and checked by the benchmark's own class, which `_target_` names. Mirrors conf/benchmark/."""

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, SerializationInfo, ValidationError

from src.benchmarks.benchmark import Benchmark
from src.config.check import sentence
from src.errors import FathomError


def construct_benchmark(section: Any) -> Any:
    """The benchmark that a config section describes: `_target_` names its class, the rest are its fields."""
    if not isinstance(section, Mapping):
        return section
    fields = dict(section)
    target = fields.pop("_target_", None)
    if not isinstance(target, str) or "." not in target:
        raise ValueError("needs _target_: the dotted path of a Benchmark class")
    module, _, name = target.rpartition(".")
    try:
        benchmark_class = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"_target_ {target} cannot be imported: {error}") from error
    if not (isinstance(benchmark_class, type) and issubclass(benchmark_class, Benchmark)):
        raise ValueError(f"_target_ {target} is not a Benchmark")
    try:
        return benchmark_class(**fields)
    except ValidationError as error:
        raise FathomError("\n".join(sentence(problem, "benchmark") for problem in error.errors())) from error


def described_benchmark(benchmark: Benchmark, info: SerializationInfo) -> dict[str, Any]:
    """The config section that `construct_benchmark` makes the benchmark of."""
    benchmark_class = type(benchmark)
    fields = benchmark.model_dump(mode=info.mode, by_alias=True)
    return {"_target_": f"{benchmark_class.__module__}.{benchmark_class.__qualname__}", **fields}


AnyBenchmark = Annotated[Benchmark, BeforeValidator(construct_benchmark), PlainSerializer(described_benchmark)]


# How code that a model wrote is kept in; the benchmarks that run code take it over (`sandbox: ${sandbox}`).
Sandbox = Literal["bubblewrap", "limits_only"]
