"""`trainer`: where and how fast a point is trained. Mirrors conf/trainer/."""

from typing import Literal

from pydantic import Field, model_validator

from src.config.section import Section


class Trainer(Section):
    """Where and how fast a point is trained; only `precision` and the layout of sums can touch its result."""

    name: str
    accelerator: Literal["cpu", "gpu"]
    devices: int = Field(gt=0, description="of one node")
    num_nodes: int = Field(default=1, gt=0)
    strategy: Literal["auto", "ddp", "fsdp"]
    precision: Literal["auto", "32-true", "bf16-mixed", "bf16-true"]
    threads: int | None = Field(gt=0, description="CPU threads of a point; null: torch's own choice")
    micro_batch_tokens: int = Field(gt=0, description="tokens in one forward pass; gradients add up over passes")
    gradient_checkpointing: bool
    cpu_offload: bool = Field(default=False, description="fsdp: weights and optimiser state in the host's memory")
    checkpoint_every_steps: int = Field(gt=0)
    progress_bar: bool

    @property
    def ranks(self) -> int:
        """Processes that train together, one a device."""
        return self.devices * self.num_nodes

    @model_validator(mode="after")
    def _offloads_what_is_sharded(self) -> "Trainer":
        if self.cpu_offload and self.strategy != "fsdp":
            raise ValueError("cpu_offload is for trainer=fsdp, which moves shares of the weights; set it to false")
        return self
