"""`judge`: who compares two answers. Mirrors conf/judge/."""

from typing import Literal

from pydantic import Field

from src.config.model import Model
from src.config.section import Section


class AskedEndpoint(Section):
    """Any endpoint that speaks OpenAI's chat completions."""

    kind: Literal["openai"]
    base_url: str = Field(pattern=r"^https?://", description="up to and with the version, such as …/v1")
    model: str
    key_variable: str | None = Field(description="the environment variable that holds the key; null: send none")
    max_tokens: int = Field(gt=0)
    timeout_seconds: float = Field(gt=0)
    retries: int = Field(ge=0)
    workers: int = Field(gt=0, description="comparisons asked at the same time")


class AskedModel(Section):
    """A model of one's own that follows instructions well enough to judge."""

    kind: Literal["local"]
    model: Model
    max_new_tokens: int = Field(gt=0)


class Likelihood(Section):
    """The likelihood that a model gives to the answers: for models too small to be asked."""

    kind: Literal["likelihood"]
    model: Model
    margin: float = Field(ge=0, description="nats a token within which two answers tie")
