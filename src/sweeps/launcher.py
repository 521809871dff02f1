"""`hydra.launcher`: how a sweep runs its points. Mirrors conf/hydra/launcher/."""

from typing import Literal

from pydantic import Field, ValidationError

from src.config.check import sentence
from src.config.section import Section
from src.errors import FathomError


class Launcher(Section):
    """How a sweep runs its points. Times are of one try of one point."""

    executor: Literal["processes", "gpus", "slurm", "ray"] = "processes"
    n_jobs: int | None = Field(
        default=None, gt=0, description="points at the same time; null: as many as there is room"
    )
    max_failures: int | None = Field(default=None, gt=0, description="failed points after which no more are started")
    time_limit_minutes: float | None = Field(default=None, gt=0)
    retries: int = Field(default=2, ge=0, description="further tries after an infrastructure error")
    retry_after_seconds: float = Field(default=30.0, ge=0, description="before the first of them, then twice as long")
    gpus: int | None = Field(default=None, gt=0, description="GPUs of this machine; null: those that CUDA shows")
    cluster: Literal["slurm", "local"] = "slurm"
    job_minutes: int = Field(default=720, gt=0, description="a SLURM job's time; what is left then is requeued")
    cpus: int = Field(default=1, gt=0, description="CPU cores of a point")
    memory_gb: float | None = Field(default=None, gt=0, description="memory of a point")
    sbatch: dict[str, str | int] = Field(default={}, description="further options of sbatch")
    address: str | None = Field(default=None, description="of a Ray cluster; null: one of this machine's own")


def check_launcher(options: dict[str, object]) -> Launcher:
    """The typed options of hydra.launcher, or a FathomError with one line for each that is wrong."""
    try:
        return Launcher.model_validate(options)
    except ValidationError as error:
        raise FathomError("\n".join(sentence(problem, "hydra", "launcher") for problem in error.errors())) from error
