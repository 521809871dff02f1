"""A model asked as the field asks a base, beside the form of finetuning: scores that compare with published ones."""

import logging
from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.benchmarks.benchmark import Benchmark, Example
from src.config.measuring import Measuring
from src.evaluation.measure import Evaluation
from src.evaluation.metrics import finer_errors, item_values, with_errors
from src.evaluation.rows import row
from src.generation.greedy import GreedyEngine
from src.models.prompt import PromptFormat

log = logging.getLogger(__name__)

# A stop is found in the last so many tokens: the longest has eight characters.
_TAIL = 16
# A few prompts may be too long for the context: one of MBPP's 500 takes 4,412 tokens of Mistral's, the mean is 795.
_MAY_BE_CUT = 0.01


def measure_standard(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    benchmark: Benchmark,
    test: Sequence[Example],
    config: Measuring,
    context_tokens: int,
) -> Evaluation | None:
    """Greedy completions of the benchmark's standard prompts by a model as `measure` left it, in device and precision.

    Metrics are called `eval/standard_accuracy` and so on. A prompt that does not fit into `context_tokens` in front of
    its completion loses its beginning, as in lm-evaluation-harness. None where the benchmark has no standard prompt, or
    where more than 1 % of them do not fit, which is said.
    """
    standard = benchmark.standard()
    if standard is None:
        return None
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
        return None
    asked = [prompt[-room:] for prompt in asked]

    def stopped(completion: list[int]) -> bool:
        tail = prompts.decode_text(completion[-_TAIL:])
        return any(stop in tail for stop in standard.stops)

    engine = GreedyEngine(model, {tokenizer.eos_token_id}, config.generation.batch_tokens, stopped)
    completions = engine.generate(asked, benchmark.max_new_tokens)
    texts = [standard.own(prompts.decode_text(completion)) for completion in completions]
    rows = [
        row(item, example, text, verdict, cut_off=len(completion) == benchmark.max_new_tokens)
        for item, (example, text, verdict, completion) in enumerate(
            zip(test, texts, standard.score(test, texts), completions, strict=True)
        )
    ]
    items = item_values(rows, samples=1)
    metrics = {
        **with_errors(items),
        **finer_errors(rows),
        "eval/cut_off_rate": sum(each["cut_off"] for each in rows) / len(rows),
        "eval/completion_tokens": sum(len(completion) for completion in completions) / len(rows),
    }
    return Evaluation(
        {_standard(name): value for name, value in metrics.items()},
        rows,
        {_standard(name): of for name, of in items.items()},
    )


def _standard(metric: str) -> str:
    return f"eval/standard_{metric.removeprefix('eval/')}"
