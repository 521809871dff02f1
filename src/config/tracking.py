"""`tracking`: where runs are kept. Mirrors conf/tracking/."""

from pathlib import Path

from pydantic import Field

from src.config.section import Section


class Tracking(Section):
    """Where runs are kept. `uri` null: SQLite under `root`."""

    uri: str | None
    root: Path
    save_model: bool = Field(description="keep each point's weights as an artifact")
    flush_seconds: float = Field(gt=0)
    patience_seconds: float = Field(ge=0, description="how long a run waits for a store that is away")
