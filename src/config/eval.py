"""The configuration of src/eval.py. Mirrors conf/eval.yaml."""

from pydantic import Field

from src.config.measuring import Measuring


class EvalConfig(Measuring):
    """`src/eval.py`: a base, or the weights that a finetuning run kept, on a benchmark."""

    run_id: str | None = Field(description="the MLflow run whose weights are evaluated; null: the base itself")
