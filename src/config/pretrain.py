"""The configuration of src/pretrain.py. Mirrors conf/pretrain.yaml."""

from typing import Literal

from src.config.model import TinyModel
from src.config.section import Section
from src.config.tracking import Tracking
from src.config.trainer import Trainer


class PretrainConfig(Section):
    """`src/pretrain.py`: one tiny base."""

    model: TinyModel
    trainer: Trainer
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
