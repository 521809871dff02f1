"""What a model answers to a test set, and what the reference answers cost it: all that scoring needs of the model."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from rich.progress import Progress
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.lm_eval import LmEval, harness_results
from src.config.generation import Greedy, Sampled
from src.config.measuring import Measuring
from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.generation.nll import answer_nll
from src.generation.precision import move
from src.generation.sampled import SampledEngine
from src.models.out_of_memory import within_memory
from src.models.prompt import PromptFormat, Shot
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

    The completions are in `file` once all are there. Answers of an earlier try that was interrupted are taken over, but
    not where tokens are drawn: which are depends on all that were drawn before.
    """
    prepare(model, config, device)
    parameters = sum(p.numel() for p in model.parameters())
    if isinstance(benchmark, LmEval):
        write_completions(file, Completions(parameters, harness=harness_results(model, tokenizer, benchmark)))
        return
    prompts = PromptFormat(tokenizer, config.model.plain_prompt)
    started = time.perf_counter()
    losses = _losses(model, prompts, test, shots, config.generation.batch_tokens)
    nll_seconds = time.perf_counter() - started

    samples = config.generation.samples if isinstance(config.generation, Sampled) else 1
    asked = [prompts.encode_prompt(example.prompt, shots) for example in test for _ in range(samples)]
    answers = _Answers(file.with_suffix(".jsonl"), resumable=samples == 1)
    left = [i for i in range(len(asked)) if i not in answers.tokens]
    started = time.perf_counter()
    with Progress(disable=not config.trainer.progress_bar, transient=True) as progress:
        bar = progress.add_task("evaluating", total=len(left))

        def keep(finished: Mapping[int, list[int]]) -> None:
            answers.add({left[i]: tokens for i, tokens in finished.items()})
            progress.update(bar, advance=len(finished))

        engine = _engine(model, prompts, config.generation)
        engine.generate([asked[i] for i in left], benchmark.max_new_tokens, on_finished=keep)
    tokens = [answers.tokens[i] for i in range(len(asked))]
    completions = Completions(
        parameters,
        texts=[prompts.decode(of, shots) for of in tokens],
        tokens=[len(of) for of in tokens],
        losses=losses,
        seconds={"generate": time.perf_counter() - started, "nll": nll_seconds},
    )
    write_completions(file, completions)
    answers.remove()


def prepare(model: PreTrainedModel, config: Measuring, device: torch.device) -> None:
    """The model as it is evaluated: on the device, in the precision that is computed in."""
    move(model, device, getattr(torch, compute_dtype(config.trainer)))
    model.eval()


class _Answers:
    """Token ids by item, written down as they come: a line each in a file that outlives an interruption."""

    def __init__(self, file: Path, resumable: bool) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        self.tokens: dict[int, list[int]] = {}
        if resumable and file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                if line.endswith("]]"):  # the last may be torn
                    item, tokens = json.loads(line)
                    self.tokens[item] = tokens
        file.write_text("".join(map(_line, self.tokens.items())), encoding="utf-8")

    def add(self, finished: Mapping[int, list[int]]) -> None:
        self.tokens.update(finished)
        with self.file.open("a", encoding="utf-8") as file:
            file.writelines(map(_line, finished.items()))

    def remove(self) -> None:
        self.file.unlink()


def _line(answer: tuple[int, list[int]]) -> str:
    return json.dumps(answer) + "\n"


def _losses(
    model: PreTrainedModel, prompts: PromptFormat, test: Sequence[Example], shots: Sequence[Shot], batch_tokens: int
) -> list[tuple[float, int] | None]:
    with_reference = [i for i, example in enumerate(test) if example.answer]
    encoded = [prompts.encode(test[i].prompt, test[i].answer, shots) for i in with_reference]
    losses = answer_nll(model, [(e.prompt, e.answer) for e in encoded], batch_tokens)
    of = dict(zip(with_reference, losses, strict=True))
    return [of.get(i) for i in range(len(test))]


def _engine(model: PreTrainedModel, prompts: PromptFormat, generation: Greedy | Sampled) -> Engine:
    if isinstance(generation, Sampled):
        return SampledEngine(model, prompts.stop_ids, generation.batch_tokens, generation.temperature, generation.seed)
    engine = GreedyEngine if generation.name == "greedy" else HfEngine
    return engine(model, prompts.stop_ids, generation.batch_tokens)


def write_completions(file: Path, completions: Completions) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(completions), ensure_ascii=False), encoding="utf-8")
    unfinished.replace(file)
