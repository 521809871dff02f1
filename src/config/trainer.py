"""`trainer`: where and how fast a point is trained. Mirrors conf/trainer/."""

from typing import Literal

from pydantic import Field

from src.config.section import Section


class Trainer(Section):
    """Where and how fast a point is trained; only `precision` and the layout of sums can touch its result."""

    name: str
    accelerator: Literal["cpu", "gpu"]
    devices: int = Field(gt=0)
    strategy: Literal["auto", "ddp", "fsdp"]
    precision: Literal["auto", "32-true", "bf16-mixed", "bf16-true"]
    threads: int | None = Field(gt=0, description="CPU threads of a point; null: torch's own choice")
    micro_batch_tokens: int = Field(gt=0, description="tokens in one forward pass; gradients add up over passes")
    gradient_checkpointing: bool
    checkpoint_every_steps: int = Field(gt=0)
    progress_bar: bool
