"""What a model does on a benchmark: its completions scored, and the loss of the reference answers."""

import time
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
from src.evaluation.metrics import finer_errors, item_values, with_errors
from src.evaluation.rows import row
from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.generation.nll import answer_nll
from src.generation.precision import move
from src.generation.sampled import SampledEngine
from src.models.out_of_memory import within_memory
from src.models.prompt import PromptFormat, Shot
from src.modules.training import compute_dtype


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


@within_memory("evaluating", "lower generation.batch_tokens or benchmark.max_new_tokens (docs/memory.md)")
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
    move(model, device, getattr(torch, compute_dtype(config.trainer)))
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

    rows = [
        row(
            item,
            example,
            text,
            verdict,
            cut_off=len(completion) == benchmark.max_new_tokens,
            loss=losses.get(item, (None, None)),
        )
        for (item, example), completion, text, verdict in zip(items, completions, texts, verdicts, strict=True)
    ]
    items_of = item_values(rows, samples)
    metrics = {
        **with_errors(items_of),
        **finer_errors(rows),
        "eval/n_items": float(len(test)),
        "eval/chance": _chance(benchmark),
        "eval/cut_off_rate": sum(each["cut_off"] for each in rows) / len(rows),
        "eval/completion_tokens": sum(len(completion) for completion in completions) / len(rows),
        "time/generate_seconds": generate_seconds,
        "time/nll_seconds": nll_seconds,
        "time/score_seconds": score_seconds,
    }
    if isinstance(config.generation, Sampled):
        for k in config.generation.pass_at:
            right = [sum(each["score"] == 1 for each in rows[i : i + samples]) for i in range(0, len(rows), samples)]
            metrics[f"eval/pass_at_{k}"] = float(np.mean([pass_at_k(samples, count, k) for count in right]))
    return Evaluation(metrics, rows, items_of)


def _by_harness(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, benchmark: LmEval) -> Evaluation:
    """The harness' metrics by their own names, the first of them as the accuracy too; it keeps its items to itself."""
    found = harness_results(model, tokenizer, benchmark)
    metrics = {f"eval/{name}": value for name, value in found.items()}
    name, _, of_filter = next(iter(found)).partition("/")
    stderr = "/".join([f"{name}_stderr", of_filter]) if of_filter else f"{name}_stderr"
    accuracy = {"eval/accuracy": found[next(iter(found))], "eval/accuracy_stderr": found.get(stderr, 0.0)}
    return Evaluation(metrics | accuracy, [], {})


def _engine(model: PreTrainedModel, prompts: PromptFormat, generation: Greedy | Sampled) -> Engine:
    if isinstance(generation, Sampled):
        return SampledEngine(model, prompts.stop_ids, generation.batch_tokens, generation.temperature, generation.seed)
    engine = GreedyEngine if generation.name == "greedy" else HfEngine
    return engine(model, prompts.stop_ids, generation.batch_tokens)


@cache
def _chance(benchmark: Benchmark) -> float:
    return benchmark.chance()
