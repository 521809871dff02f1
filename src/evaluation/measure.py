"""What a model does on a benchmark: its completions scored, and the loss of the reference answers."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.lm_eval import LmEval, harness_results
from src.benchmarks.scoring.pass_at_k import pass_at_k
from src.config.generation import Greedy, Sampled
from src.config.measuring import Measuring
from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.generation.nll import answer_nll
from src.generation.sampled import SampledEngine
from src.models.prompt import PromptFormat, Shot
from src.modules.training import resolve_precision


@dataclass(frozen=True)
class Evaluation:
    """Metrics by their MLflow name, and one row for each test item, in the test set's order."""

    metrics: dict[str, float]
    rows: list[dict[str, Any]]

    def __str__(self) -> str:
        m = self.metrics
        nll = f", nll {m['eval/nll']:.3f}" if "eval/nll" in m else ""
        return f"accuracy {m['eval/accuracy']:.3f} ± {m['eval/accuracy_stderr']:.3f}{nll}"


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    benchmark: Benchmark,
    test: Sequence[Example],
    config: Measuring,
    device: torch.device,
    shots: Sequence[Shot] = (),
) -> Evaluation:
    """Score the model's completions of every test item, and measure the loss of the reference answers.

    eval/nll is in nats a token: the loss summed over all answer tokens of the test set, divided by their number; it is
    left out where the items have no reference answers. `shots` stand in front of every prompt.
    """
    # Half the memory and several times the speed where training computed in bfloat16 too.
    dtype = torch.bfloat16 if resolve_precision(config.trainer).startswith("bf16") else torch.float32
    model.to(device, dtype)  # type: ignore[arg-type]
    model.eval()
    if isinstance(benchmark, LmEval):
        return _by_harness(model, tokenizer, benchmark)
    prompts = PromptFormat(tokenizer, config.model.plain_prompt)
    samples = config.generation.samples if isinstance(config.generation, Sampled) else 1
    asked = [prompts.encode_prompt(example.prompt, shots) for example in test for _ in range(samples)]

    started = time.perf_counter()
    with_reference = [i for i, example in enumerate(test) if example.answer]
    encoded = [prompts.encode(test[i].prompt, test[i].answer, shots) for i in with_reference]
    losses = dict(
        zip(
            with_reference,
            answer_nll(model, [(e.prompt, e.answer) for e in encoded], config.generation.batch_tokens),
            strict=True,
        )
    )
    nll_seconds = time.perf_counter() - started

    engine = _engine(model, prompts, config.generation)
    started = time.perf_counter()
    with Progress(disable=not config.trainer.progress_bar, transient=True) as progress:
        bar = progress.add_task("evaluating", total=len(asked))
        completions = engine.generate(
            asked,
            benchmark.max_new_tokens,
            on_progress=lambda finished: progress.update(bar, advance=finished),
        )
    generate_seconds = time.perf_counter() - started

    started = time.perf_counter()
    items = [(i, example) for i, example in enumerate(test) for _ in range(samples)]
    texts = [prompts.decode(completion, shots) for completion in completions]
    verdicts = benchmark.score_all([example for _, example in items], texts)
    score_seconds = time.perf_counter() - started

    rows: list[dict[str, Any]] = []
    for (item, example), completion, text, verdict in zip(items, completions, texts, verdicts, strict=True):
        nll, tokens = losses.get(item, (None, None))
        rows.append(
            {
                "item": item,
                "prompt": example.prompt,
                "completion": text,
                "extracted": verdict.extracted,
                "gold": example.gold,
                "score": verdict.score,
                "error": verdict.error,
                "detail": verdict.detail,
                "parts": {name: list(values) for name, values in verdict.parts.items()},
                "reference": example.answer,
                "nll": nll,
                "answer_tokens": tokens,
                "cut_off": len(completion) == benchmark.max_new_tokens,
            }
        )
    metrics = {
        **_score_metrics(rows, samples),
        "eval/chance": _chance(benchmark),
        "eval/cut_off_rate": sum(row["cut_off"] for row in rows) / len(rows),
        "eval/completion_tokens": sum(len(completion) for completion in completions) / len(rows),
        "time/generate_seconds": generate_seconds,
        "time/nll_seconds": nll_seconds,
        "time/score_seconds": score_seconds,
    }
    if losses:
        nll, tokens = np.array(list(losses.values())).T
        metrics["eval/nll"], metrics["eval/nll_stderr"] = ratio_of_sums(nll, tokens)
    if isinstance(config.generation, Sampled):
        for k in config.generation.pass_at:
            right = [sum(row["score"] == 1 for row in rows[i : i + samples]) for i in range(0, len(rows), samples)]
            metrics[f"eval/pass_at_{k}"] = float(np.mean([pass_at_k(samples, count, k) for count in right]))
    return Evaluation(metrics, rows)


def _by_harness(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, benchmark: LmEval) -> Evaluation:
    """The harness' metrics by their own names, the first of them as the accuracy too; it keeps its items to itself."""
    found = harness_results(model, tokenizer, benchmark)
    metrics = {f"eval/{name}": value for name, value in found.items()}
    name, _, of_filter = next(iter(found)).partition("/")
    stderr = "/".join([f"{name}_stderr", of_filter]) if of_filter else f"{name}_stderr"
    accuracy = {"eval/accuracy": found[next(iter(found))], "eval/accuracy_stderr": found.get(stderr, 0.0)}
    return Evaluation(metrics | accuracy, [])


def _engine(model: PreTrainedModel, prompts: PromptFormat, generation: Greedy | Sampled) -> Engine:
    if isinstance(generation, Sampled):
        return SampledEngine(model, prompts.stop_ids, generation.batch_tokens, generation.temperature, generation.seed)
    engine = GreedyEngine if generation.name == "greedy" else HfEngine
    return engine(model, prompts.stop_ids, generation.batch_tokens)


def _score_metrics(rows: Sequence[dict[str, Any]], samples: int) -> dict[str, float]:
    """Accuracy, error rates by class and by finer class, and the further scores, each with its standard error."""
    scores = np.array([row["score"] for row in rows]).reshape(-1, samples).mean(axis=1)
    errors = Counter(row["error"] for row in rows)
    details = Counter(row["detail"] for row in rows if row["detail"])
    metrics = {
        "eval/accuracy": float(scores.mean()),
        "eval/accuracy_stderr": float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else 0.0,
        "eval/format_error_rate": errors["format"] / len(rows),
        "eval/reasoning_error_rate": errors["reasoning"] / len(rows),
        "eval/n_items": len(scores),
        **{f"eval/error/{detail}": count / len(rows) for detail, count in sorted(details.items())},
    }
    for part in sorted({name for row in rows for name in row["parts"]}):
        values = [row["parts"][part] for row in rows if row["parts"].get(part)]
        sums, counts = np.array([sum(v) for v in values]), np.array([len(v) for v in values], dtype=float)
        metrics[f"eval/{part}"], metrics[f"eval/{part}_stderr"] = ratio_of_sums(sums, counts)
    return metrics


def ratio_of_sums(sums: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """A mean over what items bring several or none of, and its standard error with the item as the unit.

    `sums` and `counts` have shape (items,). Linearised ratio estimator (Cochran, Sampling Techniques, 1977, 6.13).
    """
    mean = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return mean, 0.0
    residuals = sums - mean * counts
    return mean, float(np.sqrt(len(sums) / (len(sums) - 1) * (residuals**2).sum()) / counts.sum())


@cache
def _chance(benchmark: Benchmark) -> float:
    return benchmark.chance()
