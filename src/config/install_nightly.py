"""The configuration of src/install_nightly.py. Mirrors conf/install_nightly.yaml."""

from typing import Literal

from pydantic import Field

from src.config.section import Section


class InstallNightlyConfig(Section):
    """`src/install_nightly.py`: who starts the nightly sweep, and when."""

    how: Literal["systemd", "cron", "workflow"]
    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="hour and minute")
    arguments: list[str]
    log_level: Literal["debug", "info", "warning"]
