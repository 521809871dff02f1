"""What every section of a configuration has in common: unknown keys are refused, values cannot be changed."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
