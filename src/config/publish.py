"""The configuration of src/publish.py. Mirrors conf/publish.yaml."""

from typing import Literal

from pydantic import Field

from src.config.paths import OutDirectory
from src.config.section import Section
from src.config.tracking import Tracking


class PublishConfig(Section):
    """`src/publish.py`: the points of one study as files."""

    study: str = Field(min_length=1)
    to: OutDirectory = Field(description="directory that the points are added to")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
