"""The configuration of src/eval.py. Mirrors conf/eval.yaml."""

from typing import Literal

from pydantic import Field

from src.config.any_benchmark import AnyBenchmark, Sandbox
from src.config.generation import Generation
from src.config.model import Model
from src.config.section import Section
from src.config.tracking import Tracking
from src.config.trainer import Trainer


class EvalConfig(Section):
    """`src/eval.py`: a base, or the weights that a finetuning run kept, on a benchmark."""

    study: str = Field(min_length=1, pattern=r"^[\w .\-]+$")
    run_id: str | None = Field(description="the MLflow run whose weights are evaluated; null: the base itself")
    model: Model
    benchmark: AnyBenchmark
    trainer: Trainer
    generation: Generation
    tracking: Tracking
    sandbox: Sandbox = "bubblewrap"
    log_level: Literal["debug", "info", "warning"]
