"""Which process of a point's training this is, and how they find one another: known before any of them is joined."""

import os

import torch
from lightning.fabric.plugins.environments import ClusterEnvironment
from lightning.pytorch.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

from src.config.trainer import Trainer
from src.errors import FathomError


def cluster(trainer: Trainer) -> ClusterEnvironment:
    """What started the ranks: torchrun, a SLURM job step with a task a rank, or (a node at a time) Lightning itself.

    Raises FathomError where it started another number of them than the trainer section says.
    """
    if torch.distributed.is_torchelastic_launched():
        if int(os.environ["WORLD_SIZE"]) != trainer.ranks:
            raise FathomError(
                f"trainer.devices: torchrun started {os.environ['WORLD_SIZE']} processes, but trainer.devices="
                f"{trainer.devices} on trainer.num_nodes={trainer.num_nodes} are {trainer.ranks}; make them equal"
            )
        return TorchElasticEnvironment()
    if trainer.ranks > 1 and os.environ.get("SLURM_STEP_NUM_TASKS") == str(trainer.ranks):
        return SLURMEnvironment(
            auto_requeue=False
        )  # the same command resumes; a job that is queued again is the user's
    return LightningEnvironment()


def global_rank(trainer: Trainer) -> int:
    """0 keeps the books: it alone loads what is sharded, exports, scores and writes to MLflow."""
    environment = cluster(trainer)
    return environment.node_rank() * trainer.devices + environment.local_rank()
