"""Fitting a CausalLM with a Lightning Trainer built from the trainer section of the configuration."""

import logging
import warnings
from pathlib import Path

import torch
from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment

from src.config.model import Dtype
from src.config.trainer import Trainer as TrainerSection
from src.errors import FathomError
from src.models.precision import cast_weights
from src.modules.causal_lm import CausalLM
from src.modules.checkpoint_file import CheckpointFile
from src.modules.cluster import cluster
from src.modules.finetune_data import FinetuneData
from src.modules.metric_logger import MetricLogger, Sink
from src.modules.progress import StepBar
from src.modules.sharding import FullySharded
from src.modules.validation import Validation

# Lightning reports devices, tips and the end of training; the point's own log says what matters.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
for unneeded in (
    ".*does not have many workers.*",  # batches are made in microseconds
    ".*your dataloader is not resumable.*",  # ours is: FinetuneData starts at the step that was reached
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*treespec, LeafSpec.*",
    ".*You defined a `validation_step` but.*",  # the Validation callback calls it
    ".*`srun` command is available.*",  # many who have SLURM's client train without it
):
    warnings.filterwarnings("ignore", unneeded)


def resolve_precision(trainer: TrainerSection) -> str:
    """The precision that `auto` means on this machine. Raises FathomError where the accelerator is missing."""
    if trainer.accelerator == "gpu" and not torch.cuda.is_available():
        raise FathomError("trainer: this machine has no CUDA device; use trainer=cpu or trainer.accelerator=cpu")
    if trainer.precision != "auto":
        return trainer.precision
    return "bf16-mixed" if trainer.accelerator == "gpu" and torch.cuda.is_bf16_supported() else "32-true"


def compute_dtype(trainer: TrainerSection) -> Dtype:
    """What a model is evaluated in: half the memory and several times the speed where training computed so too."""
    return "bfloat16" if resolve_precision(trainer).startswith("bf16") else "float32"


def prepare_torch(trainer: TrainerSection) -> torch.device:
    """Set threads and determinism before the first tensor is made; returns where a single model lives."""
    if trainer.threads is not None:
        torch.set_num_threads(trainer.threads)
    # Kernels without a deterministic form (some on a GPU) warn instead of failing.
    # Filling new memory costs time and guards only against reading it unset.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(trainer.accelerator == "cpu", warn_only=True)
    return torch.device("cuda" if trainer.accelerator == "gpu" else "cpu")


def fit(
    module: CausalLM, data: FinetuneData, config: TrainerSection, validation: Validation, *, work: Path, sink: Sink
) -> Trainer:
    """Train `module` on the plan of `data`, from the newest checkpoint in `work` if there is one.

    Training ends with the plan unless `validation` ends it before, and leaves the weights that `validation` chooses.
    Checkpoints go to `work` (the newest is kept), metrics to `sink(metrics, step)`. Raises TrainingDiverged, and
    OSError where a checkpoint cannot be written.
    """
    newest = ModelCheckpoint(
        dirpath=work,
        filename="{step}",
        every_n_train_steps=config.checkpoint_every_steps,
        save_top_k=1,
        save_on_train_epoch_end=False,
    )
    precision = resolve_precision(config)
    if precision == "bf16-true":
        cast_weights(module, torch.bfloat16)  # Lightning would cast the buffers too
    sharded = None
    if config.strategy == "fsdp":
        compute = torch.bfloat16 if precision == "bf16-mixed" else None
        sharded = FullySharded(config.ranks, compute, config.cpu_offload)
    trainer = Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=sharded or config.strategy,
        precision="bf16-mixed" if precision == "bf16-mixed" and not sharded else "32-true",
        max_steps=len(data.plan),
        max_epochs=1,
        accumulate_grad_batches=data.passes_per_step,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=MetricLogger(sink),
        log_every_n_steps=1,
        callbacks=[validation, newest, *([StepBar("training")] if config.progress_bar else [])],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        # One device is no matter of whatever scheduler the process runs under.
        plugins=[cluster(config) if config.ranks > 1 else LightningEnvironment()],
        default_root_dir=work,
    )
    trainer.strategy.checkpoint_io = CheckpointFile()
    try:
        trainer.fit(module, data, ckpt_path=newest_checkpoint(work))
    finally:
        data.trainer = None  # else who holds the data holds the model and all that trained it
    validation.leave(module)
    return trainer


def newest_checkpoint(work: Path) -> Path | None:
    found = sorted(work.glob("*.ckpt"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None
