"""Hours and dollars of a point on a named GPU."""

from dataclasses import dataclass

from src.config.train import TrainConfig
from src.planning.assumptions import Assumptions, Gpu
from src.planning.memory import Memory, planned_precision
from src.planning.work import Evaluation, PointWork, Training

HUB_BYTES = 2  # a parameter, as the models lie on the hub: bfloat16


@dataclass(frozen=True)
class Cost:
    """Seconds. Every device is paid for while one of them loads or evaluates."""

    loading: float
    training: float
    evaluation: float
    devices: int
    dollars_an_hour: float

    @property
    def hours(self) -> float:
        return (self.loading + self.training + self.evaluation) / 3600

    @property
    def dollars(self) -> float:
        return self.hours * self.devices * self.dollars_an_hour


def cost_of(point: PointWork, memory: Memory, gpu: Gpu, assumed: Assumptions) -> Cost:
    training = point.training
    seconds = 0.0
    if training and memory.trained:
        seconds = training.trials * (
            _training_seconds(point.config, training, memory, gpu, assumed)
            + memory.evaluated.flops_of(training.validation) / _speed(point.config, gpu, assumed)
        )
    evaluating = sum(_evaluation_seconds(point.config, one, memory, gpu, assumed) for one in point.evaluations)
    read = memory.evaluated.parameters * HUB_BYTES * (training.trials if training else 1)
    exported = _export_bytes(memory) if training else 0.0
    loading = (read + 2 * exported) / (assumed.disk_gb_a_second * 1e9)
    return Cost(loading, seconds, evaluating, point.config.trainer.ranks, gpu.dollars_an_hour)


def _speed(config: TrainConfig, gpu: Gpu, assumed: Assumptions) -> float:
    """Operations a second of one device."""
    return gpu.tflops(planned_precision(config)) * 1e12 * assumed.of_peak


def _training_seconds(config: TrainConfig, training: Training, memory: Memory, gpu: Gpu, assumed: Assumptions) -> float:
    """Operations, and what an optimiser step and each pass move through memory; or the kernels' starts, if longer."""
    assert memory.trained
    trace, devices = memory.trained, config.trainer.ranks
    share = 1 / devices if config.trainer.strategy == "fsdp" else 1.0
    passes = training.steps * training.passes_per_step
    moved = training.steps * 2 * share * (2 * trace.trained_bytes + trace.optimiser_bytes)
    moved += passes * 3 * trace.weight_bytes
    busy = trace.flops_of(training.work) / _speed(config, gpu, assumed) / devices
    busy += moved / (gpu.terabytes_a_second * 1e12 * assumed.of_bandwidth)
    return max(busy, passes * _starts(memory, assumed) * (4 if config.trainer.gradient_checkpointing else 3))


def _evaluation_seconds(
    config: TrainConfig, evaluation: Evaluation, memory: Memory, gpu: Gpu, assumed: Assumptions
) -> float:
    """On one device: reading prompts and references, and the weights and the cache once a step of new tokens."""
    reading = memory.evaluated.flops_of(evaluation.work) / _speed(config, gpu, assumed)
    steps = max(evaluation.new_tokens, evaluation.completions * evaluation.new_tokens / evaluation.prompts.rows)
    moved = memory.evaluation["weights"] + memory.evaluation["cache"]
    step = moved / (gpu.terabytes_a_second * 1e12 * assumed.of_bandwidth)
    return reading + steps * max(step, _starts(memory, assumed))


def _starts(memory: Memory, assumed: Assumptions) -> float:
    return memory.evaluated.layers * assumed.layer_milliseconds / 1e3


def _export_bytes(memory: Memory) -> float:
    """A trained model whole, or its adapters."""
    assert memory.trained
    return memory.trained.trained_bytes
