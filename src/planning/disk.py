"""The disk that a point takes under the tracking root: at work, and once it is complete."""

from dataclasses import dataclass

import torch

from src.config.method import Adapters
from src.config.train import TrainConfig
from src.models.lora import add_adapters
from src.modules.plan import step_plan
from src.planning.trace import optimiser_bytes
from src.points.base import Base
from src.points.train import held_dtype

MERGED_BYTES = 4  # a parameter: adapters are merged in float32


@dataclass(frozen=True)
class Sizes:
    """The model's parameters; bytes of the weights that are trained, and of what the optimiser keeps of them."""

    parameters: int
    trained_bytes: float
    optimiser_bytes: float


@dataclass(frozen=True)
class Disk:
    """Bytes: of a point at work (its newest checkpoint twice, its exports), and of what is kept of it."""

    at_work: float
    kept: float


def disk_of(config: TrainConfig, sizes: Sizes) -> Disk:
    """Weights that are kept are links to an export, so they take no more while the point is at work."""
    if not config.trains:
        return Disk(0.0, 0.0)
    recipe, checkpoint = config.recipe, 0.0
    if _most_steps(config) >= config.trainer.checkpoint_every_steps:
        copies = 1 + bool(recipe.averaging) + bool(recipe.until)
        checkpoint = copies * sizes.trained_bytes + sizes.optimiser_bytes
    exports = 1 if recipe.validation == "k_fold" else len(config.learning_rates)
    merged = MERGED_BYTES * sizes.parameters if config.merges else 0.0
    kept = 0.0 if config.save == "none" else merged or sizes.trained_bytes
    return Disk(2 * checkpoint + exports * sizes.trained_bytes + merged, kept)


def _most_steps(config: TrainConfig) -> int:
    recipe, n = config.recipe, config.n_examples
    steps = recipe.until.max_steps if recipe.until else recipe.steps
    plan = step_plan(
        n, recipe.batch_size_for(n), epochs=recipe.epochs, steps=steps, min_steps=recipe.min_steps, seed=config.seed
    )
    return len(plan)


_sizes: dict[tuple[str, ...], Sizes] = {}  # the points of a sweep share most of them


def sizes_of(base: Base, config: TrainConfig) -> Sizes:
    """From the shape of the base: nothing is loaded."""
    key = (base.digest, config.model.model_dump_json(), config.method.model_dump_json(), config.recipe.optimizer)
    if key not in _sizes:
        model = base.skeleton(held_dtype(config))
        parameters = model.num_parameters()
        if isinstance(config.method, Adapters):
            with torch.device("meta"):
                model = add_adapters(model, config.method, config.seed)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        moments = optimiser_bytes(config) * sum(parameter.numel() for parameter in trained)
        _sizes[key] = Sizes(parameters, sum(parameter.nbytes for parameter in trained), moments)
    return _sizes[key]
