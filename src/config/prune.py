"""The configuration of src/prune.py. Mirrors conf/prune.yaml."""

from typing import Literal

from pydantic import Field

from src.config.section import Section
from src.config.tracking import Tracking


class PruneConfig(Section):
    """`src/prune.py`: what nothing refers to, shown or removed."""

    remove: bool
    days: float = Field(ge=0, description="what was touched in the last days stays")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
