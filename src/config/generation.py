"""`generation`: how completions are drawn. Mirrors conf/generation/."""

from string import Formatter
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from src.config.section import Section


class Greedy(Section):
    """The likeliest token each time: one completion of every test item, in batches of so many tokens of cache."""

    name: Literal["greedy", "hf"]
    batch_tokens: int = Field(gt=0)

    cosmetic: ClassVar[tuple[str, ...]] = ("batch_tokens",)
    """What changes no answer."""


class Sampled(Section):
    """Several completions of every test item, drawn at a temperature: pass@k beside the mean score."""

    name: Literal["sampled"]
    batch_tokens: int = Field(gt=0)
    samples: int = Field(gt=1)
    temperature: float = Field(gt=0)
    pass_at: list[int] = Field(min_length=1, description="the k of pass@k, each at most `samples`")
    seed: int = Field(ge=0)

    cosmetic: ClassVar[tuple[str, ...]] = ("batch_tokens",)

    @model_validator(mode="after")
    def _enough_samples(self) -> "Sampled":
        if not all(0 < k <= self.samples for k in self.pass_at):
            raise ValueError(f"pass_at {self.pass_at} needs every k between 1 and samples ({self.samples})")
        return self


class Served(Section):
    """The likeliest token each time, asked of a server that speaks OpenAI's completions.

    `command` is started for the weights where `url` is null. Losses of reference answers are computed here either way.
    """

    name: Literal["server"]
    batch_tokens: int = Field(gt=0, description="of the losses of reference answers")
    url: str | None = Field(
        pattern=r"^https?://", description="of a server that runs, up to and with the version, such as …/v1"
    )
    command: str = Field(min_length=1, description="{weights}, {port} and {dtype} are filled in")
    start_seconds: float = Field(gt=0, description="in which it has to say that it is there")
    prompts: Literal["tokens", "text"]
    concurrency: int = Field(gt=0, description="prompts asked at the same time")
    timeout_seconds: float = Field(gt=0, description="of one request")
    retries: int = Field(ge=0)
    key_variable: str | None = Field(description="the environment variable that holds the key; null: send none")

    cosmetic: ClassVar[tuple[str, ...]] = (
        *("batch_tokens", "start_seconds", "concurrency", "timeout_seconds", "retries", "key_variable"),
    )

    @field_validator("command")
    @classmethod
    def _fills_in(cls, command: str) -> str:
        named = {name for _, name, _, _ in Formatter().parse(command) if name is not None}
        if not {"weights", "port"} <= named <= {"weights", "port", "dtype"}:
            raise ValueError("needs {weights} and {port} in it, may have {dtype}, and knows nothing else in braces")
        return command


Generation = Annotated[Greedy | Sampled | Served, Field(discriminator="name")]
