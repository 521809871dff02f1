"""What a point has to do: its examples and test items in tokens, its optimiser steps and forward passes."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.data.nested_subset import ranked
from src.config.generation import Sampled
from src.config.method import InContext
from src.config.train import TrainConfig
from src.models.loss import IGNORE
from src.models.prompt import Encoded, PromptFormat
from src.modules.batch import Pass
from src.planning.assumptions import AssumedItems, Assumptions
from src.planning.at_hand import pool_here, test_here, tokenizer_here
from src.planning.live_tensors import Work
from src.planning.trace import PassShape
from src.points.draw import training_data
from src.points.point import PoolTooSmall

SAMPLED_STEPS = 100  # of an epoch: the others are alike
Encode = Callable[[str, str], Encoded]


@dataclass(frozen=True)
class Training:
    """`work` is over all passes and devices, `tokens` without padding. `trials` is how often it is done, at most."""

    steps: int
    trials: int
    passes_per_step: int
    largest: PassShape
    work: dict[Work, float]
    tokens: float
    validation: dict[Work, float]


@dataclass(frozen=True)
class Evaluation:
    """One benchmark's test set. `new_tokens` are expected of each of `completions`, at most `longest_completion`."""

    reference: PassShape
    prompts: PassShape
    completions: int
    new_tokens: float
    longest_completion: int
    work: dict[Work, float]

    def within(self, batch_tokens: int) -> "Evaluation":
        """The same in smaller batches."""
        reference, prompts = self.reference, self.prompts
        rows = max(1, min(reference.rows, batch_tokens // reference.width))
        answers = reference.answers // reference.rows * rows
        asked = max(1, min(prompts.rows, batch_tokens // (prompts.width + self.longest_completion)))
        return replace(
            self, reference=PassShape(rows, reference.width, answers), prompts=PassShape(asked, prompts.width, 0)
        )


@dataclass(frozen=True)
class PointWork:
    """`source` says how the tokens are known."""

    config: TrainConfig
    training: Training | None
    evaluations: tuple[Evaluation, ...]
    source: str


def work_of(config: TrainConfig, assumed: Assumptions) -> PointWork:
    """Of a point, from its data and its tokenizer where they are here, else as `assumed`. Raises PoolTooSmall."""
    trained_on = config.train_on or config.benchmark
    encode, source = _encoding(config, assumed)
    pool = pool_here(trained_on)
    tests = [(one, test_here(one)) for one in (config.benchmark, *config.also.values())]
    if pool is None or any(test is None for _, test in tests):
        source = "data assumed"
    drawn = _examples(config, trained_on, pool, encode, assumed)
    in_context = isinstance(config.method, InContext)
    training = None
    if config.n_examples and not in_context:
        val = config.recipe.val_examples if config.recipe.validation == "pool" else 0
        training = _training(config, drawn[: config.n_examples], drawn[config.n_examples :][:val])
    shots = sum(len(example) for example in drawn[: config.n_examples]) if in_context else 0
    evaluations = tuple(
        _evaluation(config, one.max_new_tokens, _items(one, test, encode, assumed), shots) for one, test in tests
    )
    return PointWork(config, training, evaluations, source)


def _encoding(config: TrainConfig, assumed: Assumptions) -> tuple[Encode, str]:
    tokenizer = tokenizer_here(config.model, config.tracking)
    if tokenizer is not None:
        return PromptFormat(tokenizer, config.model.plain_prompt).encode, "tokens counted"
    around = len(config.model.plain_prompt.replace("{prompt}", ""))

    def estimate(prompt: str, answer: str) -> Encoded:
        lengths = [math.ceil(len(prompt) + around), math.ceil(len(answer))]
        return Encoded(*([0] * (1 + math.ceil(length / assumed.characters_a_token)) for length in lengths))

    return estimate, f"tokens estimated: {assumed.characters_a_token:g} characters each"


def _examples(
    config: TrainConfig, trained_on: Benchmark, pool: list[Example] | None, encode: Encode, assumed: Assumptions
) -> list[Encoded]:
    """The n examples, and as many behind them as validation takes."""
    wanted = config.n_examples + (config.recipe.val_examples if config.recipe.validation == "pool" else 0)
    if pool is None:
        items = assumed.items_of(trained_on.name)
        return [_alike(items, encode)] * min(wanted, max(items.pool, config.n_examples))
    order = (encode(example.prompt, example.answer) for example in ranked(pool, config.seed))
    fitting = (example for example in order if len(example) <= config.recipe.max_length)
    found = list(islice(fitting, wanted))
    if len(found) < config.n_examples:
        raise PoolTooSmall(
            f"n_examples: {config.n_examples} were asked for, but of the {len(pool)} examples in the pool of "
            f"{trained_on.name} only {len(found)} fit into recipe.max_length={config.recipe.max_length} tokens"
        )
    return found


def _items(benchmark: Benchmark, test: list[Example] | None, encode: Encode, assumed: Assumptions) -> list[Encoded]:
    if test is not None:
        return [encode(example.prompt, example.answer) for example in test]
    items = assumed.items_of(benchmark.name)
    return [_alike(items, encode)] * min(items.test, benchmark.test_limit or items.test)


def _alike(items: AssumedItems, encode: Encode) -> Encoded:
    return encode(" " * items.prompt, " " * items.answer)


def _training(config: TrainConfig, train: list[Encoded], val: list[Encoded]) -> Training:
    data = training_data(config, train, val)
    steps = len(data.plan)
    seen = min(steps, data.plan.steps_per_epoch, SAMPLED_STEPS)
    passes = [part for step in range(seen) for rank in range(data.world_size) for part in data.passes(step, rank)]
    shapes = [_shape(part) for part in passes if part.tokens]
    checks = len(config.recipe.until.checks) if config.recipe.until else config.recipe.val_checks
    folds = config.recipe.folds + 1 if config.recipe.validation == "k_fold" else 1
    return Training(
        steps=steps,
        trials=len(config.recipe.rates_for(config.n_examples)) * folds,
        passes_per_step=data.passes_per_step,
        largest=max(shapes, key=lambda shape: (shape.rows * shape.width, shape.answers)),
        work=_total(shapes, steps / seen),
        tokens=sum(part.tokens for part in passes) * steps / seen,
        validation=_total([_shape(part) for part in data.val_passes()], checks),
    )


def _shape(part: Pass) -> PassShape:
    rows, width = part.input_ids.shape
    return PassShape(rows, width, int((part.targets != IGNORE).sum()))


def _evaluation(config: TrainConfig, max_new_tokens: int, items: list[Encoded], shots: int) -> Evaluation:
    generation = config.generation
    samples = generation.samples if isinstance(generation, Sampled) else 1
    completions = samples * len(items)
    budget = generation.batch_tokens
    longest = max(items, key=len)
    width = shots + len(longest)
    rows = max(1, min(len(items), budget // width))
    prompt = shots + max(len(item.prompt) for item in items)
    # An item without a reference answer has nothing in it but the end.
    answered = [len(item.answer) for item in items if len(item.answer) > 1]
    expected = min(max_new_tokens, sum(answered) / len(answered)) if answered else max_new_tokens
    read = [PassShape(1, shots + len(item), len(item.answer)) for item in items]
    read += [PassShape(samples, shots + len(item.prompt), 0) for item in items]
    return Evaluation(
        reference=PassShape(rows, width, rows * len(longest.answer)),
        prompts=PassShape(max(1, min(completions, budget // (prompt + max_new_tokens))), prompt, 0),
        completions=completions,
        new_tokens=expected,
        longest_completion=max_new_tokens,
        work=_total(read, 1),
    )


def _total(shapes: Sequence[PassShape], times: float) -> dict[Work, float]:
    total: Counter[Work] = Counter()
    for shape in shapes:
        total.update(shape.work)
    return {kind: units * times for kind, units in total.items()}


def together(shapes: Iterable[PassShape]) -> PassShape:
    """A pass that takes no less than any of these."""
    shapes = list(shapes)
    largest = max(shapes, key=lambda shape: (shape.rows * shape.width, shape.width))
    return PassShape(largest.rows, largest.width, max(shape.answers for shape in shapes))
