"""`generation`: how completions are drawn. Mirrors conf/generation/."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from src.config.section import Section


class Greedy(Section):
    """The likeliest token each time: one completion of every test item, in batches of so many tokens of cache."""

    name: Literal["greedy", "hf"]
    batch_tokens: int = Field(gt=0)


class Sampled(Section):
    """Several completions of every test item, drawn at a temperature: pass@k beside the mean score."""

    name: Literal["sampled"]
    batch_tokens: int = Field(gt=0)
    samples: int = Field(gt=1)
    temperature: float = Field(gt=0)
    pass_at: list[int] = Field(min_length=1, description="the k of pass@k, each at most `samples`")
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _enough_samples(self) -> "Sampled":
        if not all(0 < k <= self.samples for k in self.pass_at):
            raise ValueError(f"pass_at {self.pass_at} needs every k between 1 and samples ({self.samples})")
        return self


Generation = Annotated[Greedy | Sampled, Field(discriminator="name")]
