"""What a process knows of its rank from its environment alone, by whatever started it."""

import pytest

from src.config.trainer import Trainer
from src.errors import FathomError
from src.modules.cluster import cluster, global_rank


def trainer(devices, num_nodes=1):
    return Trainer(
        name="test",
        accelerator="cpu",
        devices=devices,
        num_nodes=num_nodes,
        strategy="ddp",
        precision="auto",
        threads=1,
        micro_batch_tokens=4096,
        gradient_checkpointing=False,
        checkpoint_every_steps=100,
        progress_bar=False,
    )


LIGHTNING = {"NODE_RANK": "1", "LOCAL_RANK": "2"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "8", "RANK": "6", "GROUP_RANK": "1", "LOCAL_RANK": "2"}
SLURM = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "6", "SLURM_NODEID": "1", "SLURM_LOCALID": "2"}


@pytest.fixture
def environment(monkeypatch):
    for name in {**LIGHTNING, **TORCHRUN, **SLURM}:
        monkeypatch.delenv(name, raising=False)
    return lambda variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize(
    ("variables", "starts_ranks_itself"), [(LIGHTNING, False), (TORCHRUN, False), (SLURM, False), ({}, True)]
)
def test_every_starter_tells_the_same_rank(environment, variables, starts_ranks_itself):
    environment(variables)
    assert global_rank(trainer(4, num_nodes=2)) == (6 if variables else 0)
    assert cluster(trainer(4, num_nodes=2)).creates_processes_externally is not starts_ranks_itself


def test_a_second_node_started_by_hand_does_not_keep_the_books(environment):
    environment({"NODE_RANK": "1"})
    assert global_rank(trainer(4, num_nodes=2)) == 4


def test_a_task_that_has_a_slurm_step_to_itself_starts_its_ranks(environment):
    environment(SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_NODEID": "0", "SLURM_LOCALID": "0"})
    assert not cluster(trainer(4)).creates_processes_externally
    assert global_rank(trainer(4)) == 0


def test_another_number_of_processes_than_devices_is_refused(environment):
    environment(TORCHRUN)
    with pytest.raises(FathomError, match=r"torchrun started 8 processes, but trainer.devices=4 .* are 4"):
        global_rank(trainer(4))
