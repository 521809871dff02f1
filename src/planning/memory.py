"""What a configuration takes of one device's memory, training and evaluating, by kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from src.config.model import Model
from src.config.train import TrainConfig
from src.planning.trace import PassShape, Trace, trace_evaluation, trace_training
from src.planning.work import PointWork, together

SHARDED = ("weights", "gradients", "optimiser")


@dataclass(frozen=True)
class Memory:
    """Bytes by kind on each training device, and on the one that evaluates; no training: no kinds."""

    training: dict[str, float]
    evaluation: dict[str, float]
    trained: Trace | None
    evaluated: Trace

    @property
    def most(self) -> float:
        return max(sum(self.training.values()), sum(self.evaluation.values()))


def memory_of(points: Sequence[PointWork]) -> Memory:
    """The most that any of these points takes, which differ in their examples alone."""
    config = points[0].config
    precision = planned_precision(config)
    trainings = [point.training for point in points if point.training]
    evaluations = [evaluation for point in points for evaluation in point.evaluations]
    evaluated = _evaluation(
        config.model,
        precision,
        together(e.reference for e in evaluations),
        together(e.prompts for e in evaluations),
        max(e.longest_completion for e in evaluations),
    )
    if not trainings:
        return Memory({}, evaluated.peak(), None, evaluated)
    accumulates = any(training.passes_per_step > 1 for training in trainings)
    trained = _training(config, precision, together(t.largest for t in trainings), accumulates)
    return Memory(training_peak(config, trained), evaluated.peak(), trained, evaluated)


def training_peak(config: TrainConfig, trace: Trace) -> dict[str, float]:
    """Bytes by kind on each device."""
    devices = config.trainer.ranks
    if config.trainer.strategy != "fsdp":
        peak = trace.peak()
        if devices > 1:
            # DDP exchanges gradients in buckets of its own.
            peak["buckets"] = trace.trained_bytes
        share = 1.0
    else:
        # A layer's weights are whole while it computes, those of the next already; embeddings and output layer always.
        share = 0.0 if config.trainer.cpu_offload else 1 / devices
        peak = trace.peak({**dict.fromkeys(SHARDED, share), "casts": 0.0})
        peak["gathered"] = trace.gathered_bytes
    if config.recipe.averaging:
        peak["average"] = trace.trained_bytes * (share or 1 / devices)
    return peak


def planned_precision(config: TrainConfig) -> str:
    """As on a machine that has what the trainer asks for."""
    if config.trainer.precision != "auto":
        return config.trainer.precision
    return "bf16-mixed" if config.trainer.accelerator == "gpu" else "32-true"


# Traces take seconds, and the points of a sweep share most of them.
_traces: dict[Any, Trace] = {}


def _training(config: TrainConfig, precision: str, largest: PassShape, accumulates: bool) -> Trace:
    sections = (_shape_of(config.model), config.method.model_dump_json(), config.recipe.optimizer)
    key = (*sections, config.trainer.gradient_checkpointing, precision, largest, accumulates)
    if key not in _traces:
        _traces[key] = trace_training(config, precision, largest, accumulates)
    return _traces[key]


def _evaluation(model: Model, precision: str, reference: PassShape, prompts: PassShape, new_tokens: int) -> Trace:
    key = (_shape_of(model), precision, reference, prompts, new_tokens)
    if key not in _traces:
        _traces[key] = trace_evaluation(model, precision, reference, prompts, new_tokens)
    return _traces[key]


def _shape_of(model: Model) -> str:
    return model.model_dump_json(exclude={"pretraining", "plain_prompt"})
