"""`method`: what of the model is trained. Mirrors conf/method/."""

from typing import Annotated, Literal

from pydantic import Field

from src.config.section import Section


class Full(Section):
    """Every weight is trained."""

    name: Literal["full"]


class Adapters(Section):
    """Low-rank adapters (Hu et al. 2106.09685) on the named linear layers; the base is frozen."""

    lr: float | None = Field(default=None, gt=0, description="in the place of recipe.lr; null: that")
    r: int = Field(gt=0)
    alpha: int = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)
    target_modules: list[str] = Field(min_length=1)


class Lora(Adapters):
    """On the base as it is."""

    name: Literal["lora"]


class QLora(Adapters):
    """On the base in 4 bits (Dettmers et al. 2305.14314)."""

    name: Literal["qlora"]


class InContext(Section):
    """No weight changes: the first of the n examples stand in front of every question, as many as fit."""

    name: Literal["in_context"]
    context_tokens: int | None = Field(gt=0, description="prompt and completion together; null: what the model takes")


Method = Annotated[Full | Lora | QLora | InContext, Field(discriminator="name")]
