"""The configuration of src/train.py. Mirrors conf/train.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from src.config.any_benchmark import AnyBenchmark
from src.config.measuring import Measuring
from src.config.method import Adapters, InContext, Method
from src.config.recipe import Recipe
from src.config.section import Section


class First(Section):
    """Finetuning that comes before the point's own: n examples of another benchmark's pool, with the same recipe."""

    benchmark: AnyBenchmark
    n_examples: int = Field(ge=0, description="0: none")


class TrainConfig(Measuring):
    """`src/train.py`: one point."""

    n_examples: int = Field(ge=0)
    seed: int = Field(ge=0)
    train_on: AnyBenchmark | None = Field(
        default=None, description="draw examples from its pool; null: the benchmark's"
    )
    first: First | None = Field(default=None, description="finetune the base on this before")
    also: dict[str, AnyBenchmark] = Field(default={}, description="evaluate on these too, once trained")
    method: Method
    recipe: Recipe
    save: Literal["auto", "adapter", "full", "none"] = Field(
        default="auto",
        description="what is kept of the trained weights: adapters, or the whole model with them merged; "
        "auto: what the method trains",
    )
    show: Literal["batch"] | None = Field(description="batch: print the first step's tokens and mask, train nothing")
    plan: bool = Field(default=False, description="say what it would take, run nothing")

    @property
    def learning_rates(self) -> list[float]:
        """What the point's training chooses from, highest first: more than one in a search."""
        return self.recipe.rates_for(self.n_examples, getattr(self.method, "lr", None))

    @property
    def trains(self) -> bool:
        """Whether weights change."""
        return self.n_examples > 0 and not isinstance(self.method, InContext)

    @property
    def merges(self) -> bool:
        """Whether the weights that are kept are adapters merged into the model that they were trained on."""
        return self.trains and self.save == "full" and isinstance(self.method, Adapters)

    @model_validator(mode="after")
    def _adapters_to_save(self) -> "TrainConfig":
        if self.trains and self.save == "adapter" and not isinstance(self.method, Adapters):
            raise ValueError(
                f"save=adapter keeps what method=lora or qlora trains, and method={self.method.name} trains all "
                "weights: take save=full, or save=none"
            )
        return self

    @model_validator(mode="after")
    def _weights_in_one_piece(self) -> "TrainConfig":
        if self.trainer.strategy == "fsdp" and self.method.name == "qlora":
            raise ValueError("method=qlora keeps the base in 4 bits whole on each device: take trainer=gpu or ddp")
        if self.trainer.strategy == "fsdp" and self.recipe.optimizer.endswith("adamw_8bit"):
            raise ValueError(
                f"recipe.optimizer={self.recipe.optimizer} knows no weights that are spread over devices: with "
                "trainer=fsdp take adamw or adamw_bf16_stochastic (trainer.cpu_offload=true where memory is short)"
            )
        if self.trainer.accelerator == "cpu" and self.recipe.optimizer == "paged_adamw_8bit":
            raise ValueError(
                "recipe.optimizer=paged_adamw_8bit moves moments to the host's memory where that of a CUDA device runs "
                "out: on a CPU take adamw_8bit, which computes the same"
            )
        return self

    @model_validator(mode="after")
    def _small_updates_count(self) -> "TrainConfig":
        """bfloat16 keeps 8 bits: added to it, an update of less than 1/512 of a weight is rounded away."""
        method, stochastic = self.method.name, self.recipe.optimizer == "adamw_bf16_stochastic"
        if stochastic and method in ("lora", "qlora"):
            raise ValueError(
                "recipe.optimizer=adamw_bf16_stochastic is for method=full; adapters are small and kept in float32: "
                "take recipe.optimizer=adamw, with model.dtype=bfloat16 for the base"
            )
        bf16_weights = method == "full" and getattr(self.model, "dtype", None) == "bfloat16"
        if self.trains and not stochastic and (bf16_weights or self.trainer.precision == "bf16-true"):
            raise ValueError(
                f"{'model.dtype=bfloat16' if bf16_weights else 'trainer.precision=bf16-true'} would round most updates "
                "away; hold what is trained in float32 (model.dtype=float32 trainer.precision=bf16-mixed), or take "
                "method=full recipe.optimizer=adamw_bf16_stochastic"
            )
        return self
