"""`recipe`: how a point is trained. Mirrors conf/recipe/."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from src.config.section import Section

OptimizerName = Literal["adamw", "adamw_bf16_stochastic", "adamw_8bit", "paged_adamw_8bit"]


class BatchRule(Section):
    """Examples in an optimiser step for n up to a bound (None: no bound)."""

    up_to: int | None
    examples: int = Field(gt=0)


class Until(Section):
    """Train until validation loss has stopped improving, and keep the weights of its least.

    Checks come at `first_check` and then at steps that grow by `check_growth`: as many of them at any n.
    """

    first_check: int = Field(gt=0, description="optimiser steps")
    check_growth: float = Field(gt=1)
    patience: float = Field(gt=1, description="end when so many times the steps of the last clear fall are taken")
    standard_errors: float = Field(ge=0, description="a clear fall is one by more than so many, over val examples")
    max_steps: int = Field(gt=0, description="end here at the latest; where it did, train/bound_hit is 1")

    @property
    def checks(self) -> list[int]:
        """The optimiser steps after which validation loss is measured, the bound among them."""
        steps, step = [], self.first_check
        while step < self.max_steps:
            steps.append(step)
            step = max(step + 1, round(step * self.check_growth))
        return [*steps, self.max_steps]


class Recipe(Section):
    """How a point is trained. Exactly one of `epochs`, `steps` and `until` says when training ends at any n."""

    name: str
    epochs: int | None = Field(gt=0)
    steps: int | None = Field(gt=0)
    until: Until | None = None
    min_steps: int = Field(gt=0, description="with `epochs`: go on for further epochs until so many steps are taken")
    batch_size: list[BatchRule]
    optimizer: OptimizerName = Field(default="adamw", description="how weights and moments are held: docs/memory.md")
    lr: float = Field(gt=0)
    schedule: Literal["cosine", "constant", "inverse_sqrt"] = Field(description="of the learning rate after warm-up")
    warmup_fraction: float = Field(ge=0, lt=1, description="of the steps; where their number is open, warmup_steps")
    warmup_steps: int | None = Field(default=None, gt=0)
    constant_steps: int | None = Field(default=None, gt=0, description="with inverse_sqrt: the rate falls from here on")
    averaging: float = Field(default=0.0, ge=0, lt=1, description="keep the mean weights of this last share of steps")
    search: list[float] = Field(default=[], description="learning rates to choose from by validation loss")
    search_up_to: int | None = Field(default=None, gt=0, description="search at n up to this, else lr; null: always")
    weight_decay: float = Field(ge=0)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    grad_clip: float = Field(gt=0)
    max_length: int = Field(gt=1, description="longer examples (prompt and answer, in tokens) are left out of the pool")
    packing: bool
    validation: Literal["pool", "k_fold"] = Field(
        default="pool", description="pool: val_examples further ones; k_fold: each of the n in its turn, none besides"
    )
    folds: int = Field(default=5, ge=2)
    val_examples: int = Field(ge=0, description="for val/loss, from the end of the ranked pool, never among the n")
    val_checks: int = Field(ge=0, description="how often in a run of fixed length val/loss is measured")

    @field_validator("batch_size", mode="before")
    @classmethod
    def _one_size_for_all(cls, value: Any) -> Any:
        return [{"up_to": None, "examples": value}] if isinstance(value, int) else value

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if (self.epochs, self.steps, self.until).count(None) != 2:
            raise ValueError("set exactly one of epochs, steps and until; the others are null")
        if self.until and (self.schedule == "cosine" or self.warmup_steps is None):
            raise ValueError("until leaves the end open: it needs schedule=inverse_sqrt or constant, and warmup_steps")
        if (self.schedule == "inverse_sqrt") != (self.constant_steps is not None):
            raise ValueError("constant_steps says from which step on schedule=inverse_sqrt falls: set both or neither")
        if self.until and self.validation == "pool" and not self.val_examples:
            raise ValueError(
                "until needs validation loss: set val_examples, or validation=k_fold to take none but the n, or "
                "until=null and steps to train for a fixed number of steps"
            )
        if not self.until and (self.search or self.validation == "k_fold"):
            raise ValueError("search and validation=k_fold choose by validation loss: they need until")
        bounds = [rule.up_to for rule in self.batch_size]
        if not bounds or bounds[-1] is not None or None in bounds[:-1]:
            raise ValueError("batch_size needs rules whose last, and only the last, has up_to: null")
        return self

    def batch_size_for(self, n: int) -> int:
        return next(rule.examples for rule in self.batch_size if rule.up_to is None or n <= rule.up_to)

    def rates_for(self, n: int, lr: float | None = None) -> list[float]:
        """The learning rates that a point of n examples chooses from, highest first; `lr` comes before the recipe's."""
        searched = self.search and (self.search_up_to is None or n <= self.search_up_to)
        return sorted(self.search, reverse=True) if searched else [lr or self.lr]

    @property
    def holds_constant(self) -> str:
        return "convergence" if self.until else "steps" if self.steps else "epochs"

    def warmup(self, total_steps: int) -> int:
        """Optimiser steps of warm-up in training of `total_steps` at most."""
        return self.warmup_steps or math.ceil(self.warmup_fraction * total_steps)
