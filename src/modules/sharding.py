"""Fully sharded training: weights, gradients and optimiser state spread over the ranks, parameter by parameter."""

import warnings
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed import checkpoint as sharded_checkpoint
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import Module, Parameter
from transformers import PreTrainedModel

from src.config.trainer import Trainer

TRAINED = StateDictOptions(ignore_frozen_params=True, cpu_offload=True)
REST = "rest.pt"  # what a checkpoint has beside sharded tensors
COPIES = "copies"  # of what is trained, kept by callbacks: their dtypes in `REST`, their shares beside it
SEPARATOR = "::"  # between a callback and its name for such copies


class FullySharded(ModelParallelStrategy):
    """FSDP2 (torch's `fully_shard`) over all ranks, on CUDA devices or on CPU processes.

    A block of the model is gathered while it computes, in `compute`; the rank's share of the weights that are stepped
    keeps its own dtype, and gradients are summed in float32. A parameter keeps its dimensions, which weight decay goes
    by. With `cpu_offload`, shares and optimiser state stay in the host's memory.
    """

    def __init__(self, ranks: int, compute: torch.dtype | None, cpu_offload: bool) -> None:
        # Gradients that wait in the host's memory have their norm summed there, which NCCL cannot.
        backend = "cuda:nccl,cpu:gloo" if cpu_offload and torch.cuda.is_available() else None
        super().__init__(data_parallel_size=ranks, tensor_parallel_size=1, process_group_backend=backend)
        self._mixed = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32 if compute else None)
        self._cpu_offload = cpu_offload

    def shard(self, module: LightningModule, blocks: list[Module]) -> None:
        _shard(module, blocks, self.device_mesh["data_parallel"], self._mixed, self._cpu_offload)

    def gathered(self) -> dict[str, Any]:
        """The weights that are trained, whole, in the host's memory of the first rank; elsewhere nothing."""
        whole = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
        assert self.model is not None
        return get_model_state_dict(self.model, options=whole)

    def model_to_device(self) -> None:
        assert self.model is not None
        _to_device(self.model, self.root_device, self._cpu_offload)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        assert self.model is not None
        return get_model_state_dict(self.model, options=TRAINED)

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: str | Path, storage_options: Any | None = None
    ) -> None:
        """A folder to which each rank writes its shares. It bears its name only once it is whole."""
        folder = Path(filepath)
        unfinished = folder.with_suffix(".unfinished")
        if self.is_global_zero:
            rmtree(unfinished, ignore_errors=True)
        self.barrier()
        copies = _taken_out(checkpoint["callbacks"])
        checkpoint[COPIES] = {of: [copy.dtype for copy in tensors] for of, tensors in copies.items()}
        shares = {
            "model": checkpoint.pop("state_dict"),
            "optimizer": checkpoint.pop("optimizer_states")[0],
            COPIES: copies,
        }
        sharded_checkpoint.save(shares, checkpoint_id=unfinished)
        if self.is_global_zero:
            torch.save(checkpoint, unfinished / REST)
            rmtree(folder, ignore_errors=True)
            unfinished.replace(folder)
        self.barrier()

    def load_checkpoint(self, checkpoint_path: str | Path, weights_only: bool | None = None) -> dict[str, Any]:
        """Each rank reads what its shares are now: there may be more or fewer ranks than when they were written."""
        (optimizer,) = self.optimizers
        assert self.model is not None
        rest: dict[str, Any] = torch.load(Path(checkpoint_path) / REST, weights_only=weights_only)
        trained = [parameter.detach() for parameter in self.model.parameters() if parameter.requires_grad]
        copies = {
            of: [weights.to("cpu", dtype, copy=True) for weights, dtype in zip(trained, dtypes, strict=True)]
            for of, dtypes in rest.pop(COPIES).items()
        }
        shares: dict[str, Any] = {
            "model": get_model_state_dict(self.model, options=TRAINED),
            "optimizer": get_optimizer_state_dict(self.model, optimizer, options=TRAINED),
            COPIES: copies,
        }
        sharded_checkpoint.load(shares, checkpoint_id=checkpoint_path)
        set_model_state_dict(self.model, shares["model"], options=StateDictOptions(strict=False))
        set_optimizer_state_dict(self.model, optimizer, shares["optimizer"])
        for of, tensors in copies.items():
            callback, name = of.split(SEPARATOR)
            rest["callbacks"][callback][name] = tensors
        return rest


def _taken_out(callbacks: dict[str, dict[str, Any]]) -> dict[str, list[DTensor]]:
    """What callbacks keep of sharded weights, by callback and name; in their states nothing is left of it."""
    copies: dict[str, list[DTensor]] = {}
    for callback, state in callbacks.items():
        for name, value in state.items():
            if isinstance(value, list) and value and isinstance(value[0], DTensor):
                copies[f"{callback}{SEPARATOR}{name}"], state[name] = value, []
    return copies


def shard_to_measure(model: PreTrainedModel, trainer: Trainer, device: torch.device) -> None:
    """Spread the first rank's model over all ranks, which compute in its dtype; those of the others are skeletons.

    Embeddings and the output layer are whole on every rank from then on, the blocks while they compute.
    """
    mesh = init_device_mesh(device.type, (trainer.ranks,))
    _shard(model, list(model.get_decoder().layers), mesh, MixedPrecisionPolicy(), trainer.cpu_offload)
    _to_device(model, device, trainer.cpu_offload)
    # The first pass goes through the whole model: it gathers what is in no block, and leaves it gathered.
    with torch.no_grad():
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=device), use_cache=False)


def _shard(
    module: Module, blocks: list[Module], mesh: DeviceMesh, mixed: MixedPrecisionPolicy, cpu_offload: bool
) -> None:
    """Spread the first rank's weights over all ranks; those of the others are never read.

    The first rank alone loads a model, so a host holds it once, whatever it is made of: files, fresh draws, adapters
    merged into a base. The weights go out one at a time.
    """
    weights = module.state_dict() if mesh.get_rank() == 0 else {}
    _forget(module)
    offload = CPUOffloadPolicy(pin_memory=torch.cuda.is_available()) if cpu_offload else OffloadPolicy()
    for part in (*blocks, module):
        fully_shard(part, mesh=mesh, mp_policy=mixed, offload_policy=offload)
    everywhere = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, cpu_offload=cpu_offload)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own deprecated calls
        set_model_state_dict(module, weights, options=everywhere)


def _to_device(module: Module, device: torch.device, cpu_offload: bool) -> None:
    """What is offloaded stays in the host's memory, but for buffers."""
    if not cpu_offload:
        module.to(device)
        return
    for buffer in module.buffers():
        buffer.data = buffer.data.to(device)


def _forget(module: Module) -> None:
    """Put every parameter on the meta device. One that two modules share stays one."""
    forgotten: dict[Parameter, Parameter] = {}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter not in forgotten:
                forgotten[parameter] = Parameter(parameter.detach().to("meta"), parameter.requires_grad)
            setattr(part, name, forgotten[parameter])
