"""The n examples of a point, drawn and encoded."""

from collections.abc import Iterator
from itertools import islice

from src.benchmarks.base import Example
from src.benchmarks.subset import ranked
from src.errors import FathomError
from src.models.prompt import Encoded, PromptFormat
from src.modules.batch import Layout
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.tasks.point import Point


def training_data(point: Point, prompts: PromptFormat) -> FinetuneData:
    """The first n of the ranked pool and, from its far end, those that val/loss is measured on.

    Examples longer than recipe.max_length are passed over before they are counted, so n means n. Raises FathomError
    where fewer than n are short enough.
    """
    config, recipe = point.config, point.config.recipe
    order = ranked(point.pool, config.seed)
    drawn = list(islice(_fitting(order, prompts, recipe.max_length), config.n_examples))
    if len(drawn) < config.n_examples:
        raise FathomError(
            f"n_examples: {config.n_examples} were asked for, but of the {len(order)} examples in the pool of "
            f"{config.benchmark.name} only {len(drawn)} fit into recipe.max_length={recipe.max_length} tokens; "
            "raise it or lower n_examples"
        )
    unused = order[drawn[-1][0] + 1 :] if drawn else order
    val = list(islice(_fitting(unused[::-1], prompts, recipe.max_length), recipe.val_examples))
    plan = step_plan(
        config.n_examples,
        recipe.batch_size_for(config.n_examples),
        epochs=recipe.epochs,
        steps=recipe.steps,
        min_steps=recipe.min_steps,
        seed=config.seed,
    )
    layout = Layout(
        packing=recipe.packing,
        micro_batch_tokens=config.trainer.micro_batch_tokens,
        one_row=getattr(config.model, "attn_implementation", "sdpa").startswith("flash"),
    )
    world_size = config.trainer.devices if config.trainer.strategy != "auto" else 1
    train = [encoded for _, encoded in drawn]
    return FinetuneData(train, [encoded for _, encoded in val], plan, layout, world_size)


def _fitting(examples: list[Example], prompts: PromptFormat, max_length: int) -> Iterator[tuple[int, Encoded]]:
    """The encoded examples that are short enough, each with its place in the list."""
    for place, example in enumerate(examples):
        encoded = prompts.encode(example.prompt, example.answer)
        if len(encoded) <= max_length:
            yield place, encoded
