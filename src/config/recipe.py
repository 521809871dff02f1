"""`recipe`: how a point is trained. Mirrors conf/recipe/."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from src.config.section import Section


class BatchRule(Section):
    """Examples in an optimiser step for n up to a bound (None: no bound)."""

    up_to: int | None
    examples: int = Field(gt=0)


class Recipe(Section):
    """How a point is trained. Exactly one of `epochs` and `steps` says what is held constant over n."""

    name: str
    epochs: int | None = Field(gt=0)
    steps: int | None = Field(gt=0)
    min_steps: int = Field(gt=0, description="with `epochs`: go on for further epochs until so many steps are taken")
    batch_size: list[BatchRule]
    lr: float = Field(gt=0)
    schedule: Literal["cosine", "constant"]
    warmup_fraction: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    grad_clip: float = Field(gt=0)
    max_length: int = Field(gt=1, description="longer examples (prompt and answer, in tokens) are left out of the pool")
    packing: bool
    val_examples: int = Field(ge=0, description="for val/loss, from the end of the ranked pool, never among the n")
    val_checks: int = Field(ge=0, description="how often in a run val/loss is measured")

    @field_validator("batch_size", mode="before")
    @classmethod
    def _one_size_for_all(cls, value: Any) -> Any:
        return [{"up_to": None, "examples": value}] if isinstance(value, int) else value

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("set exactly one of epochs and steps; the other is null")
        bounds = [rule.up_to for rule in self.batch_size]
        if not bounds or bounds[-1] is not None or None in bounds[:-1]:
            raise ValueError("batch_size needs rules whose last, and only the last, has up_to: null")
        return self

    def batch_size_for(self, n: int) -> int:
        return next(rule.examples for rule in self.batch_size if rule.up_to is None or n <= rule.up_to)

    @property
    def holds_constant(self) -> str:
        return "steps" if self.steps else "epochs"
