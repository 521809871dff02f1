"""The configuration of src/prefer.py. Mirrors conf/prefer.yaml."""

from typing import Annotated

from pydantic import Field

from src.config.any_benchmark import AnyBenchmark
from src.config.judge import AskedEndpoint, AskedModel, Likelihood
from src.config.train import TrainConfig


class PreferConfig(TrainConfig):
    """`src/prefer.py`: a model finetuned on the benchmark's pool against one finetuned on another pool."""

    against: AnyBenchmark = Field(description="its pool is what the other model is finetuned on")
    judge: Annotated[AskedEndpoint | AskedModel | Likelihood, Field(discriminator="kind")]
