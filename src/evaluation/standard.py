"""A model asked as the field asks a base, beside the form of finetuning: scores that compare with published ones."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.benchmark import Benchmark, Example
from src.config.measuring import Measuring
from src.evaluation.answers import answer, forget_answers
from src.evaluation.completions import LESS_MEMORY, Completions, prepare, write_completions
from src.evaluation.stopping import beyond_own
from src.generation.greedy import GreedyEngine
from src.models.out_of_memory import within_memory
from src.models.prompt import PromptFormat
from src.modules.ranks import Ranks

log = logging.getLogger(__name__)

# A few prompts may be too long for the context: one of MBPP's 500 takes 4,412 tokens of Mistral's, the mean is 795.
_MAY_BE_CUT = 0.01


@within_memory("evaluating", LESS_MEMORY)
def complete_standard(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    benchmark: Benchmark,
    test: Sequence[Example],
    config: Measuring,
    device: torch.device,
    context_tokens: int,
    file: Path,
) -> None:
    """Greedy completions of the benchmark's standard prompts, in `file` once all are there. All ranks must call it.

    A prompt that does not fit into `context_tokens` in front of its completion loses its beginning, as in
    lm-evaluation-harness; where more than 1 % of them do not fit, which is said, there are no completions.
    """
    standard = benchmark.standard()
    assert standard is not None
    ranks = Ranks(config.trainer)
    prepare(model, config, device)
    parameters = sum(p.numel() for p in model.parameters())
    prompts = PromptFormat(tokenizer, config.model.plain_prompt)
    asked = [prompts.encode_text(standard.ask(example)) for example in test]
    room = context_tokens - benchmark.max_new_tokens
    too_long = sum(len(prompt) > room for prompt in asked)
    if too_long > _MAY_BE_CUT * len(asked):
        log.info(
            "%s: the standard prompt is not measured: %d of %d do not fit with %d new tokens into a context of %d",
            benchmark.name,
            too_long,
            len(asked),
            benchmark.max_new_tokens,
            context_tokens,
        )
        if ranks.first:
            write_completions(file, Completions(parameters))
        return
    asked = [prompt[-room:] for prompt in asked]

    stopped = beyond_own(standard.stops, standard.own, prompts.decode_text)
    engine = GreedyEngine(model, {tokenizer.eos_token_id}, config.generation.batch_tokens, stopped)
    tokens = answer(
        model, asked, benchmark.max_new_tokens, lambda _: nullcontext(engine), file, ranks, config.trainer.progress_bar
    )
    if ranks.first:
        texts = [prompts.decode_text(completion) for completion in tokens]
        write_completions(file, Completions(parameters, texts, [len(completion) for completion in tokens]))
        forget_answers(file)
