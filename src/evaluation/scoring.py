"""What completions are worth on a benchmark: each one judged, and the metrics of all."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.scoring.pass_at_k import pass_at_k
from src.config.generation import Generation, Sampled
from src.evaluation.completions import Completions
from src.evaluation.metrics import finer_errors, item_values, with_errors
from src.evaluation.rows import row


@dataclass(frozen=True)
class Evaluation:
    """Metrics by their MLflow name, and one row for each completion, in the test set's order.

    `items` has those metrics that are means over the test items by item: shape (items,).
    """

    metrics: dict[str, float]
    rows: list[dict[str, Any]]
    items: dict[str, np.ndarray]

    def __str__(self) -> str:
        m = self.metrics
        nll = f", nll {m['eval/nll']:.3f}" if "eval/nll" in m else ""
        return f"accuracy {m['eval/accuracy']:.3f} ± {m['eval/accuracy_stderr']:.3f}{nll}"


def score(
    benchmark: Benchmark, test: Sequence[Example], completions: Completions, generation: Generation
) -> Evaluation:
    """Judge the completions of every test item.

    eval/nll is in nats a token: the loss summed over all answer tokens of the test set, divided by their number; it is
    left out where the items have no reference answers.
    """
    if completions.harness:
        return _of_harness(completions.harness)
    samples = generation.samples if isinstance(generation, Sampled) else 1
    items = [(i, example) for i, example in enumerate(test) for _ in range(samples)]
    started = time.perf_counter()
    texts = [benchmark.own(text) for text in completions.texts]
    verdicts = benchmark.score_all([example for _, example in items], texts)
    score_seconds = time.perf_counter() - started

    rows = [
        row(
            item,
            example,
            text,
            verdict,
            cut_off=length >= benchmark.max_new_tokens,
            loss=completions.losses[item] or (None, None),
        )
        for (item, example), text, length, verdict in zip(items, texts, completions.tokens, verdicts, strict=True)
    ]
    items_of = item_values(rows, samples)
    metrics = {
        **with_errors(items_of),
        **finer_errors(rows),
        "eval/n_items": float(len(test)),
        "eval/chance": _chance(benchmark),
        "eval/cut_off_rate": sum(each["cut_off"] for each in rows) / len(rows),
        "eval/completion_tokens": sum(completions.tokens) / len(rows),
        **{f"time/{stage}_seconds": seconds for stage, seconds in completions.seconds.items()},
        "time/score_seconds": score_seconds,
    }
    if isinstance(generation, Sampled):
        for k in generation.pass_at:
            right = [sum(each["score"] == 1 for each in rows[i : i + samples]) for i in range(0, len(rows), samples)]
            metrics[f"eval/pass_at_{k}"] = float(np.mean([pass_at_k(samples, count, k) for count in right]))
    return Evaluation(metrics, rows, items_of)


def score_standard(benchmark: Benchmark, test: Sequence[Example], completions: Completions) -> Evaluation | None:
    """Judge completions of the benchmark's standard prompts; metrics are called `eval/standard_accuracy` and so on.

    None where there are none, since the prompts did not fit.
    """
    standard = benchmark.standard()
    if standard is None or not completions.texts:
        return None
    texts = [standard.own(text) for text in completions.texts]
    rows = [
        row(item, example, text, verdict, cut_off=length >= benchmark.max_new_tokens)
        for item, (example, text, verdict, length) in enumerate(
            zip(test, texts, standard.score(test, texts), completions.tokens, strict=True)
        )
    ]
    items = item_values(rows, samples=1)
    metrics = {
        **with_errors(items),
        **finer_errors(rows),
        "eval/cut_off_rate": sum(each["cut_off"] for each in rows) / len(rows),
        "eval/completion_tokens": sum(completions.tokens) / len(rows),
    }
    return Evaluation(
        {_standard(name): value for name, value in metrics.items()},
        rows,
        {_standard(name): of for name, of in items.items()},
    )


def _standard(metric: str) -> str:
    return f"eval/standard_{metric.removeprefix('eval/')}"


def _of_harness(found: dict[str, float]) -> Evaluation:
    """The harness' metrics by their own names, the first of them as the accuracy too; it keeps its items to itself."""
    metrics = {f"eval/{name}": value for name, value in found.items()}
    name, _, of_filter = next(iter(found)).partition("/")
    stderr = "/".join([f"{name}_stderr", of_filter]) if of_filter else f"{name}_stderr"
    accuracy = {"eval/accuracy": found[next(iter(found))], "eval/accuracy_stderr": found.get(stderr, 0.0)}
    return Evaluation(metrics | accuracy, [], {})


@cache
def _chance(benchmark: Benchmark) -> float:
    return benchmark.chance()
