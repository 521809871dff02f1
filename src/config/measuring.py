"""What src/train.py and src/eval.py are both told: a model, a benchmark, and how the one is measured on the other."""

from typing import Literal

from pydantic import Field, model_validator

from src.config.any_benchmark import AnyBenchmark, Sandbox
from src.config.generation import Generation, Served
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

    @model_validator(mode="after")
    def _one_server(self) -> "Measuring":
        if isinstance(self.generation, Served) and self.trainer.ranks > 1:
            raise ValueError(
                "generation=server asks one server, which takes devices by itself (vLLM's --data-parallel-size in "
                f"generation.command), and here are {self.trainer.ranks} of trainer.devices: take generation=greedy, "
                "or measure the weights that the point keeps with src/eval.py run_id=… generation=server on one device"
            )
        return self
