"""One tiny base: pretrained on the procedural world, once and for all."""

import logging

from src.config.pretrain import PretrainConfig
from src.points.pretraining import pretrained

log = logging.getLogger(__name__)


def pretrain(config: PretrainConfig) -> None:
    """Pretrain the base unless that was done, and say where it is."""
    log.info("%s: %s", config.model.label, pretrained(config.model, config.trainer, config.tracking))
