"""The configuration of src/status.py. Mirrors conf/status.yaml."""

from typing import Literal

from pydantic import Field

from src.config.section import Section
from src.config.tracking import Tracking


class StatusConfig(Section):
    """`src/status.py`: how far a study's newest sweep is."""

    study: str = Field(min_length=1)
    watch_seconds: float | None = Field(gt=0, description="look again so often until it has ended; null: once")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
