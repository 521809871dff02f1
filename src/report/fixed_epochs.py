"""Recipes under which training grows longer with n by construction: they fix the number of epochs."""

import json
import math
from dataclasses import dataclass

from src.modules.plan import step_plan
from src.tracking.query import PointRecord

WITHOUT_TRAINING = "in_context"


@dataclass(frozen=True)
class FixedEpochs:
    """`epochs` at every n, or as many more as `min_steps` asks for. `batch_size` has pairs (up to n, examples), the
    last without a bound."""

    recipe: str
    epochs: int
    min_steps: int
    batch_size: tuple[tuple[int | None, int], ...]

    def steps(self, n: int) -> int:
        """How many optimiser steps are taken with n examples."""
        batch = next(examples for up_to, examples in self.batch_size if up_to is None or n <= up_to)
        return len(step_plan(n, batch, epochs=self.epochs, steps=None, min_steps=self.min_steps, seed=0))

    @property
    def rise_from(self) -> int:
        """The least n from which on `min_steps` asks for no further epochs, so that steps rise with n."""
        short = math.ceil(self.min_steps / self.epochs) - 1  # an epoch of at most so many steps must be repeated
        least, start = 1, 1
        for up_to, examples in self.batch_size:
            last = min(short * examples, up_to or math.inf)
            if last >= start:
                least = int(last) + 1
            start = (up_to or 0) + 1
        return least


def fixed_epochs(point: PointRecord) -> FixedEpochs | None:
    """What the params of a point say; None where its recipe fixes something else, or they do not tell."""
    params = point.params
    told = {"recipe.epochs", "recipe.min_steps", "recipe.batch_size"} <= params.keys()
    if not told or params.get("recipe.holds_constant") != "epochs" or point.method == WITHOUT_TRAINING:
        return None
    return FixedEpochs(
        point.recipe,
        int(params["recipe.epochs"]),
        int(params["recipe.min_steps"]),
        tuple((rule["up_to"], rule["examples"]) for rule in json.loads(params["recipe.batch_size"])),
    )
