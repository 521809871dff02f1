"""What a plan assumes of GPUs, of their use and of data that are not here: conf/assumptions.yaml."""

from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field, ValidationError, model_validator
from yaml import YAMLError

from src.config.check import sentence
from src.config.section import Section
from src.errors import FathomError

FILE = Path(__file__).parents[2] / "conf" / "assumptions.yaml"


class Gpu(Section):
    gib: float = Field(gt=0)
    bf16_tflops: float = Field(gt=0)
    float32_tflops: float = Field(gt=0)
    terabytes_a_second: float = Field(gt=0)
    dollars_an_hour: float = Field(ge=0)

    def tflops(self, precision: str) -> float:
        return self.bf16_tflops if precision.startswith("bf16") else self.float32_tflops


class AssumedItems(Section):
    """How many examples and test items, and the mean characters of their prompts and answers."""

    pool: int = Field(gt=0)
    test: int = Field(gt=0)
    prompt: int = Field(gt=0)
    answer: int = Field(gt=0)


class Assumptions(Section):
    gpus: dict[str, Gpu] = Field(min_length=1)
    reference: str
    kept_free: float = Field(ge=0, lt=1)
    of_peak: float = Field(gt=0, le=1)
    of_bandwidth: float = Field(gt=0, le=1)
    layer_milliseconds: float = Field(ge=0)
    disk_gb_a_second: float = Field(gt=0)
    characters_a_token: float = Field(gt=0)
    items: dict[str, AssumedItems]

    @model_validator(mode="after")
    def _complete(self) -> "Assumptions":
        if self.reference not in self.gpus:
            raise ValueError(f"reference: {self.reference} is none of gpus ({', '.join(self.gpus)})")
        if "other" not in self.items:
            raise ValueError("items needs `other`, for benchmarks that it does not name")
        return self

    def usable(self, gpu: str) -> float:
        """Bytes."""
        return self.gpus[gpu].gib * 2**30 * (1 - self.kept_free)

    def items_of(self, benchmark: str) -> AssumedItems:
        return self.items.get(benchmark, self.items["other"])


def assumptions(file: Path = FILE) -> Assumptions:
    try:
        return Assumptions.model_validate(OmegaConf.to_container(OmegaConf.load(file)))
    except ValidationError as error:
        raise FathomError("\n".join(f"{file}: {sentence(problem)}" for problem in error.errors())) from error
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        raise FathomError(f"{file} cannot be read: {str(error).splitlines()[0]}") from error
