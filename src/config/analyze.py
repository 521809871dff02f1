"""The configuration of src/analyze.py, for a study and for a file. Mirrors conf/analyze.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from src.config.paths import OutDirectory, OutFile
from src.config.section import Section
from src.config.source import CsvSource, FilesSource, MLflowSource
from src.config.tracking import Tracking


class Compute(Section):
    """What training the model of the best size may cost: 6 · size · examples · tokens_per_example."""

    flops: float | None = Field(gt=0, description="for one model's training; null: compute is no matter")
    tokens_per_example: float = Field(gt=0, description="trained on, over all epochs; 1 where n counts tokens")


class AnalyzeConfig(Section):
    """`src/analyze.py`: the laws of one study."""

    source: MLflowSource | FilesSource = Field(MLflowSource(kind="mlflow"), discriminator="kind")
    study: str = Field(min_length=1)
    metrics: list[str] = Field(min_length=1)
    laws: list[str] = Field(min_length=1, description="names in the catalogue of src/scaling/laws")
    compute: Compute = Compute(flops=None, tokens_per_example=1)
    replicates: int = Field(gt=0, description="bootstrap replicates")
    confidence: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    out: OutDirectory = Field(description="directory for the figures and the table")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]


class ForecastConfig(Section):
    """`src/analyze.py` with source=csv: what curves from a file will give at larger n."""

    source: CsvSource
    metric: Literal["loss", "accuracy"]
    fit_up_to: int | None = Field(ge=1, description="sizes above this are not looked at; null: all are used")
    predict_at: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    laws: list[str] = Field(description="laws over model sizes, fitted to all curves by the column `size`")
    compute: Compute
    seed: int = Field(ge=0, description="of the draws behind the intervals")
    out: OutFile = Field(description="the JSON file")
    log_level: Literal["debug", "info", "warning"]
