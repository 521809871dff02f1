"""The configuration of src/nightly.py. Mirrors conf/nightly.yaml."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from src.config.paths import OutDirectory
from src.config.section import Section
from src.config.tracking import Tracking


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_day)]


class NightlyConfig(Section):
    """`src/nightly.py`: tonight's sweep, held against the last good nights."""

    sweep: str = Field(min_length=1)
    overrides: list[str]
    study: str = Field(min_length=1)
    night: Date
    days: int = Field(gt=0)
    level: float = Field(gt=0, lt=1, description="family-wise error of a night")
    metrics: list[str] = Field(min_length=1)
    laws: list[str] = Field(description="names in the catalogue of src/scaling/laws")
    replicates: int = Field(gt=1)
    seed: int = Field(ge=0)
    accept: Date | None
    notify: str | None = Field(description="URLs of Apprise, separated by blanks; they hold secrets")
    notify_when: Literal["trouble", "always"]
    keep: int = Field(gt=0)
    out: OutDirectory
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
