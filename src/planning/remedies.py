"""The nearest configurations that fit where one does not."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from pydantic import TypeAdapter

from src.config.method import Method
from src.config.train import TrainConfig
from src.planning.memory import Memory, memory_of, training_peak
from src.planning.work import PointWork

METHODS = Path(__file__).parents[2] / "conf" / "method"
LESS = {"full": ("lora", "qlora"), "lora": ("qlora",)}  # methods that hold less
MOST_DEVICES = 64
LEAST_BATCH_TOKENS = 1024


def for_training(points: Sequence[PointWork], memory: Memory, usable: float) -> list[str]:
    """What of the command line to change, each alone, so that training fits into so many bytes a device."""
    config = points[0].config
    found = [told for told, changed in _changes(config) if _trains_in(points, changed) <= usable]
    return [*found, *_sharded(config, memory, usable)]


def for_evaluation(points: Sequence[PointWork], memory: Memory, usable: float) -> list[str]:
    """The tokens of a batch, halved until it fits."""
    if memory.evaluation["weights"] > usable:
        return []
    batch_tokens = points[0].config.generation.batch_tokens // 2
    while batch_tokens >= LEAST_BATCH_TOKENS:
        cut = [
            replace(point, training=None, evaluations=tuple(e.within(batch_tokens) for e in point.evaluations))
            for point in points
        ]
        if memory_of(cut).most <= usable:
            return [f"generation.batch_tokens={batch_tokens}"]
        batch_tokens //= 2
    return []


def _changes(config: TrainConfig) -> Iterator[tuple[str, TrainConfig]]:
    if not config.trainer.gradient_checkpointing:
        trainer = config.trainer.model_copy(update={"gradient_checkpointing": True})
        yield "trainer.gradient_checkpointing=true", config.model_copy(update={"trainer": trainer})
    section: Any = OmegaConf.to_container(OmegaConf.load(METHODS / "lora.yaml"))
    for name in LESS.get(config.method.name, ()):
        if name == "qlora" and (find_spec("bitsandbytes") is None or config.trainer.strategy == "fsdp"):
            continue  # it cannot be had, or not with what is sharded
        method = TypeAdapter(Method).validate_python(section | {"name": name})
        yield f"method={name}", config.model_copy(update={"method": method})
    if config.method.name == "full" and config.recipe.optimizer == "adamw":
        recipe = config.recipe.model_copy(update={"optimizer": "adamw_bf16_stochastic"})
        yield "recipe.optimizer=adamw_bf16_stochastic", config.model_copy(update={"recipe": recipe})


def _trains_in(points: Sequence[PointWork], changed: TrainConfig) -> float:
    return sum(memory_of([replace(point, config=changed) for point in points]).training.values())


def _sharded(config: TrainConfig, memory: Memory, usable: float) -> Iterator[str]:
    """The fewest devices that the weights, gradients and moments need to be spread over."""
    if memory.trained is None:
        return
    devices = 2
    while devices <= MOST_DEVICES:
        trainer = config.trainer.model_copy(update={"strategy": "fsdp", "devices": devices, "num_nodes": 1})
        peak = training_peak(config.model_copy(update={"trainer": trainer}), memory.trained)
        if devices > config.trainer.ranks and sum(peak.values()) <= usable:
            yield f"trainer=fsdp trainer.devices={devices}"
            return
        devices *= 2
