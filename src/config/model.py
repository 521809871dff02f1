"""`model`: a base language model and how it is loaded. Mirrors conf/model/."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from src.config.section import Section

Dtype = Literal["float32", "bfloat16"]


class Pretraining(Section):
    """How a tiny base is pretrained on the procedural world."""

    tokens: int = Field(gt=0)
    sequence_length: int = Field(gt=1)
    batch_size: int = Field(gt=0, description="sequences in an optimiser step")
    lr: dict[Literal["s", "m", "l"], float] = Field(description="peak learning rate by size")
    warmup_fraction: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    threads: int = Field(gt=0, description="CPU threads; another number rounds differently and gives another base")
    seed: int = Field(ge=0)


class TinyModel(Section):
    """A base of a real architecture, small enough for a CPU, built and pretrained by this project."""

    kind: Literal["tiny"]
    name: str
    family: Literal["llama2", "llama3", "mistral"]
    size: Literal["s", "m", "l"]
    init: Literal["pretrained", "random"]
    pretraining: Pretraining
    plain_prompt: str = "Question: {prompt}\nAnswer: "

    @property
    def label(self) -> str:
        return f"{self.name}-{self.size}"


class Architecture(Section):
    """The shape of a hub model, so that a random one can be made without the hub."""

    model_type: Literal["llama", "mistral"]
    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    num_key_value_heads: int = Field(gt=0)
    vocab_size: int = Field(gt=0)
    max_position_embeddings: int = Field(gt=0)
    rope_theta: float = Field(gt=0)
    rms_norm_eps: float = Field(gt=0)
    sliding_window: int | None = None


class HubModel(Section):
    """A base from the Hugging Face hub or from a local directory in its format."""

    kind: Literal["hub"]
    name: str
    path: str = Field(description="hub id, or a local directory that holds config.json, weights and tokenizer")
    revision: str | None = None
    init: Literal["pretrained", "random"]
    dtype: Dtype
    attn_implementation: Literal["sdpa", "eager", "flash_attention_2"]
    trust_remote_code: bool = False
    architecture: Architecture
    plain_prompt: str = Field(description="used where the tokenizer brings no chat template; {prompt} is filled in")

    @property
    def label(self) -> str:
        return self.name if self.init == "pretrained" else f"{self.name}-random"

    @field_validator("path")
    @classmethod
    def _local_directory_exists(cls, path: str) -> str:
        looks_local = path.startswith((".", "/", "~")) or path.count("/") > 1
        if looks_local and not (Path(path).expanduser() / "config.json").is_file():
            raise ValueError(f"{path} is no model directory (no config.json in it); give a hub id or a local directory")
        return path


Model = Annotated[TinyModel | HubModel, Field(discriminator="kind")]
