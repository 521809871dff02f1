"""The configuration of src/sync.py. Mirrors conf/sync.yaml."""

from typing import Literal

from src.config.section import Section
from src.config.tracking import Tracking


class SyncConfig(Section):
    """`src/sync.py`: the runs that finished while the tracking store was away."""

    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
