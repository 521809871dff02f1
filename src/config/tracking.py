"""`tracking`: where runs are kept. Mirrors conf/tracking/."""

from typing import Any

from pydantic import Field, model_validator

from src.config.paths import OutDirectory
from src.config.section import Section


class Tracking(Section):
    """Where runs are kept. `uri` null: SQLite under `root`."""

    uri: str | None
    root: OutDirectory
    flush_seconds: float = Field(gt=0)
    patience_seconds: float = Field(ge=0, description="how long a run waits for a store that is away")

    @model_validator(mode="before")
    @classmethod
    def _weights_have_a_key_of_their_own(cls, section: Any) -> Any:
        if isinstance(section, dict) and "save_model" in section:
            raise ValueError("save_model is now the key save, beside tracking: save=none, adapter, full or auto")
        return section
