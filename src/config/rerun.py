"""The configuration of src/rerun.py. Mirrors conf/rerun.yaml."""

from typing import Literal

from pydantic import Field

from src.config.section import Section
from src.config.tracking import Tracking


class RerunConfig(Section):
    """`src/rerun.py`: a run again, from what MLflow holds of it."""

    run_id: str = Field(min_length=1)
    source: str | None = Field(alias="from", description="the root or the URI of the store that has it; null: tracking")
    overrides: list[str] = Field(description="as on the command line of the run's own command")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
