"""What a model answers to a test set, and what the reference answers cost it: all that scoring needs of the model."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch.distributed.fsdp import FSDPModule
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.lm_eval import LmEval, harness_results
from src.config.generation import Sampled
from src.config.measuring import Measuring
from src.evaluation.answers import answer, forget_answers
from src.evaluation.engines import engine_over
from src.evaluation.stopping import beyond_own
from src.generation.nll import nll_of_batches
from src.generation.precision import move
from src.models.out_of_memory import within_memory
from src.models.prompt import PromptFormat, Shot
from src.modules.lockstep import in_step
from src.modules.ranks import Ranks
from src.modules.training import compute_dtype

LESS_MEMORY = "lower generation.batch_tokens or benchmark.max_new_tokens (docs/memory.md)"


@dataclass(frozen=True)
class Completions:
    """Before anything is scored; kept as JSON.

    `texts` and `tokens`, their lengths, have an entry for every completion, one test item after the other; `losses` one
    for every item: nll in nats summed over the reference answer's tokens, and their number; None without a reference.
    `harness` has the figures of one that asks and scores by itself, and then the others are empty.
    """

    parameters: int
    texts: list[str] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    losses: list[tuple[float, int] | None] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    harness: dict[str, float] = field(default_factory=dict)


def read_completions(file: Path) -> Completions:
    return Completions(**json.loads(file.read_text(encoding="utf-8")))


@within_memory("evaluating", LESS_MEMORY)
def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    benchmark: Benchmark,
    test: Sequence[Example],
    config: Measuring,
    device: torch.device,
    shots: Sequence[Shot],
    file: Path,
) -> None:
    """Complete every test item and measure the loss of the reference answers; `shots` stand in front of every prompt.

    All ranks must call it: each completes a share. The completions are in `file` once all are there; answers of an
    earlier try that was interrupted are taken over.
    """
    ranks = Ranks(config.trainer)
    prepare(model, config, device)
    parameters = sum(p.numel() for p in model.parameters())
    if isinstance(benchmark, LmEval):
        with in_step(model, ranks):
            if ranks.first:
                write_completions(file, Completions(parameters, harness=harness_results(model, tokenizer, benchmark)))
        return
    prompts = PromptFormat(tokenizer, config.model.plain_prompt)
    started = time.perf_counter()
    losses = _losses(model, prompts, test, shots, config.generation.batch_tokens, ranks)
    nll_seconds = time.perf_counter() - started

    samples = config.generation.samples if isinstance(config.generation, Sampled) else 1
    asked = [prompts.encode_prompt(example.prompt, shots) for example in test for _ in range(samples)]
    stopped = beyond_own(benchmark.stops, benchmark.own, partial(prompts.decode, shots=shots))
    engine = partial(engine_over, model, prompts, config.generation, file.with_suffix(".served").resolve(), stopped)
    started = time.perf_counter()
    tokens = answer(model, asked, benchmark.max_new_tokens, engine, file, ranks, config.trainer.progress_bar)
    if not ranks.first:
        return
    completions = Completions(
        parameters,
        texts=[prompts.decode(of, shots) for of in tokens],
        tokens=[len(of) for of in tokens],
        losses=losses,
        seconds={"generate": time.perf_counter() - started, "nll": nll_seconds},
    )
    write_completions(file, completions)
    forget_answers(file)


def prepare(model: PreTrainedModel, config: Measuring, device: torch.device) -> None:
    """The model as it is evaluated, which a sharded one is already: on the device, in the precision of computing."""
    if not isinstance(model, FSDPModule):
        move(model, device, getattr(torch, compute_dtype(config.trainer)))
    model.eval()


def _losses(
    model: PreTrainedModel,
    prompts: PromptFormat,
    test: Sequence[Example],
    shots: Sequence[Shot],
    batch_tokens: int,
    ranks: Ranks,
) -> list[tuple[float, int] | None]:
    """By test item, on the first rank. Whole batches are shared out, so that the losses are those of one rank."""
    with_reference = [i for i, example in enumerate(test) if example.answer]
    encoded = [prompts.encode(test[i].prompt, test[i].answer, shots) for i in with_reference]
    batches = slice(ranks.rank, None, ranks.size)
    with in_step(model, ranks):
        losses = nll_of_batches(model, [(e.prompt, e.answer) for e in encoded], batch_tokens, batches)
    of = {with_reference[i]: loss for each in ranks.gathered(losses) for i, loss in each.items()}
    return [of.get(i) for i in range(len(test))]


def write_completions(file: Path, completions: Completions) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(completions), ensure_ascii=False), encoding="utf-8")
    unfinished.replace(file)
