"""The n examples of a point, drawn and encoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from src.benchmarks.benchmark import Example
from src.benchmarks.data.nested_subset import ranked
from src.config.method import InContext
from src.config.train import TrainConfig
from src.errors import FathomError
from src.models.prompt import Encoded, PromptFormat, Shot
from src.modules.batch import Layout
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.points.point import Point


@dataclass(frozen=True)
class Drawn:
    """The first n of the ranked pool, and what val/loss is measured on, from its far end."""

    examples: list[Example]
    train: list[Encoded]
    val: list[Encoded]


def draw(point: Point, prompts: PromptFormat) -> Drawn:
    """Examples longer than recipe.max_length are passed over before they are counted, so n means n.

    Raises FathomError where fewer than n are short enough.
    """
    config, recipe = point.config, point.config.recipe
    order = ranked(point.pool, config.seed)
    first = list(islice(_fitting(order, prompts, recipe.max_length), config.n_examples))
    if len(first) < config.n_examples:
        raise FathomError(
            f"n_examples: {config.n_examples} were asked for, but of the {len(order)} examples in the pool of "
            f"{point.trained_on.name} only {len(first)} fit into recipe.max_length={recipe.max_length} tokens; "
            "raise it or lower n_examples"
        )
    unused = order[first[-1][0] + 1 :] if first else order
    wanted = recipe.val_examples if recipe.validation == "pool" else 0
    val = [encoded for _, encoded in islice(_fitting(unused[::-1], prompts, recipe.max_length), wanted)]
    return Drawn([order[place] for place, _ in first], [encoded for _, encoded in first], val)


def training_data(
    config: TrainConfig, train: list[Encoded], val: list[Encoded], steps: int | None = None
) -> FinetuneData:
    """The examples in optimiser steps: as many as the recipe says, at most its bound where it leaves the end open."""
    recipe = config.recipe
    plan = step_plan(
        len(train),
        recipe.batch_size_for(config.n_examples),
        epochs=recipe.epochs,
        steps=steps or (recipe.until.max_steps if recipe.until else recipe.steps),
        min_steps=recipe.min_steps,
        seed=config.seed,
    )
    # Attention within each example spares a CPU padding; a GPU takes padded rows at once, in fewer kernels.
    attention = getattr(config.model, "attn_implementation", "sdpa")
    on_a_cpu = config.trainer.accelerator == "cpu"
    layout = Layout(
        packing=recipe.packing,
        micro_batch_tokens=config.trainer.micro_batch_tokens,
        one_row=attention.startswith("flash") or (recipe.packing and attention == "sdpa" and on_a_cpu),
    )
    return FinetuneData(train, val, plan, layout, config.trainer.ranks)


def shots_that_fit(point: Point, drawn: Drawn, prompts: PromptFormat) -> list[Shot]:
    """The first of the drawn examples that fit into the context in front of the longest test item and its completion.

    Raises FathomError where not even one does.
    """
    config = point.config
    assert isinstance(config.method, InContext)
    context = config.method.context_tokens or point.base.context_tokens
    longest = max(
        len(prompts.encode_prompt(item.prompt))
        + max(benchmark.max_new_tokens, len(prompts.encode("", item.answer).answer))
        for benchmark, test in [(config.benchmark, point.test), *point.also.values()]
        for item in test
    )
    left = context - longest
    shots: list[Shot] = []
    for example in drawn.examples:
        shot = (example.prompt, example.answer)
        left -= len(prompts.encode_prompt("", [shot])) - len(prompts.encode_prompt(""))
        if left < 0:
            break
        shots.append(shot)
    if drawn.examples and not shots:
        raise FathomError(
            f"method.context_tokens: not one example fits into {context} tokens, of which the longest test item with "
            f"its completion takes {longest}; raise it or lower benchmark.max_new_tokens"
        )
    return shots


def _fitting(examples: list[Example], prompts: PromptFormat, max_length: int) -> Iterator[tuple[int, Encoded]]:
    """The encoded examples that are short enough, each with its place in the list."""
    for place, example in enumerate(examples):
        encoded = prompts.encode(example.prompt, example.answer)
        if len(encoded) <= max_length:
            yield place, encoded
