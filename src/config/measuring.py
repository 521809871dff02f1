"""What src/train.py and src/eval.py are both told: a model, a benchmark, and how the one is measured on the other."""

from typing import Literal

from pydantic import Field

from src.config.any_benchmark import AnyBenchmark, Sandbox
from src.config.generation import Generation
from src.config.model import Model
from src.config.section import Section
from src.config.tracking import Tracking
from src.config.trainer import Trainer


class Measuring(Section):
    study: str = Field(min_length=1, pattern=r"^[\w .\-]+$")
    model: Model
    benchmark: AnyBenchmark
    trainer: Trainer
    generation: Generation
    tracking: Tracking
    sandbox: Sandbox = "bubblewrap"
    log_level: Literal["debug", "info", "warning"]
