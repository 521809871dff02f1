"""The configuration of src/select_model.py, for a study and for a file. Mirrors conf/select_model.yaml."""

from typing import Literal

from pydantic import Field

from src.config.paths import OutFile
from src.config.section import Section
from src.config.source import CsvSource, FilesSource, MLflowSource
from src.config.tracking import Tracking


class Selection(Section):
    """`src/select_model.py`: which of several curves will be best at n."""

    at: int = Field(ge=1, description="the n that is wanted")
    fit_up_to: int | None = Field(ge=1, description="sizes above this are not looked at; null: all are used")
    target: float | None = Field(gt=0, description="how many examples does it take to this accuracy or loss?")
    seed: int = Field(ge=0, description="of the draws behind the forecasts")
    out: OutFile = Field(description="the JSON file")
    log_level: Literal["debug", "info", "warning"]


class SelectFromFileConfig(Selection):
    """With source=csv: the curves of a file."""

    source: CsvSource
    metric: Literal["loss", "accuracy"]


class SelectFromStudyConfig(Selection):
    """The curves of a study, those of each benchmark among themselves."""

    source: MLflowSource | FilesSource = Field(discriminator="kind")
    study: str = Field(min_length=1)
    metric: str
    tracking: Tracking
