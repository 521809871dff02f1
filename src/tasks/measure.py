"""What a model does on a benchmark: its completions scored, and the loss of the reference answers."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.base import Example
from src.config import EvalConfig, TrainConfig
from src.generation.base import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.generation.nll import answer_nll
from src.models.prompt import PromptFormat
from src.modules.trainer import resolve_precision


@dataclass(frozen=True)
class Measurement:
    """Metrics by their MLflow name, and one row for each test item, in the test set's order."""

    metrics: dict[str, float]
    rows: list[dict[str, Any]]

    def __str__(self) -> str:
        m = self.metrics
        return f"accuracy {m['eval/accuracy']:.3f} ± {m['eval/accuracy_stderr']:.3f}, nll {m['eval/nll']:.3f}"


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    test: Sequence[Example],
    config: TrainConfig | EvalConfig,
    device: torch.device,
) -> Measurement:
    """Score the model's greedy completion of every test item, and measure the loss of the reference answers.

    eval/nll is in nats a token: the loss summed over all answer tokens of the test set, divided by their number.
    """
    # Half the memory and several times the speed where training computed in bfloat16 too.
    dtype = torch.bfloat16 if resolve_precision(config.trainer).startswith("bf16") else torch.float32
    model.to(device, dtype)  # type: ignore[arg-type]
    model.eval()
    prompts = PromptFormat(tokenizer, config.model.plain_prompt)
    encoded = [prompts.encode(example.prompt, example.answer) for example in test]

    started = time.perf_counter()
    losses = answer_nll(model, [(e.prompt, e.answer) for e in encoded], config.generation.batch_tokens)
    nll_seconds = time.perf_counter() - started

    engine_class = GreedyEngine if config.generation.name == "greedy" else HfEngine
    engine: Engine = engine_class(model, prompts.stop_ids, config.generation.batch_tokens)
    started = time.perf_counter()
    with Progress(disable=not config.trainer.progress_bar, transient=True) as progress:
        bar = progress.add_task("evaluating", total=len(test))
        completions = engine.generate(
            [e.prompt for e in encoded],
            config.benchmark.max_new_tokens,
            on_progress=lambda finished: progress.update(bar, advance=finished),
        )
    generate_seconds = time.perf_counter() - started

    rows: list[dict[str, Any]] = []
    for example, completion, (nll, tokens) in zip(test, completions, losses, strict=True):
        text = prompts.decode(completion)
        verdict = config.benchmark.score(example, text)
        rows.append(
            {
                "item": len(rows),
                "prompt": example.prompt,
                "completion": text,
                "extracted": verdict.extracted,
                "gold": example.gold,
                "score": verdict.score,
                "error": verdict.error,
                "reference": example.answer,
                "nll": nll,
                "answer_tokens": tokens,
                "cut_off": len(completion) == config.benchmark.max_new_tokens,
            }
        )
    scores = np.array([row["score"] for row in rows])
    errors = Counter(row["error"] for row in rows)
    generated = sum(len(completion) for completion in completions)
    metrics = {
        "eval/accuracy": float(scores.mean()),
        "eval/accuracy_stderr": float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else 0.0,
        "eval/nll": sum(row["nll"] for row in rows) / sum(row["answer_tokens"] for row in rows),
        "eval/format_error_rate": errors["format"] / len(rows),
        "eval/reasoning_error_rate": errors["reasoning"] / len(rows),
        "eval/n_items": len(rows),
        "eval/cut_off_rate": sum(row["cut_off"] for row in rows) / len(rows),
        "eval/completion_tokens": generated / len(rows),
        "time/generate_seconds": generate_seconds,
        "time/nll_seconds": nll_seconds,
    }
    return Measurement(metrics, rows)
