"""The weights that a finetuning run leaves: safetensors (or a peft adapter) and the tokenizer, whole or not at all."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from lightning import Trainer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.config.model import Dtype
from src.models.load import load_model, load_tokenizer
from src.models.lora import merge_adapters
from src.models.nf4 import is_quantised, round_to_nf4
from src.models.precision import cast_weights
from src.modules.causal_lm import CausalLM
from src.modules.sharding import FullySharded

QUANTISED = "quantised.json"  # beside adapters of a base in 4 bits: how it was made

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]
LoadStart = Callable[[Dtype], Loaded]


def export(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write the trained model to `directory`. All ranks must call it: sharded weights are gathered from them."""
    module = trainer.lightning_module
    assert isinstance(module, CausalLM)
    strategy = trainer.strategy
    gathered = strategy.gathered() if isinstance(strategy, FullySharded) else strategy.lightning_module_state_dict()
    if not trainer.is_global_zero:
        return
    weights = {name.removeprefix("model."): tensor for name, tensor in gathered.items()}
    with _whole(directory) as unfinished:
        module.model.save_pretrained(unfinished, state_dict=weights)
        tokenizer.save_pretrained(unfinished)
        if is_quantised(module.model):
            made = {"base": "nf4", "dtype": str(module.model.dtype).split(".")[1]}
            (unfinished / QUANTISED).write_text(json.dumps(made))


def merge(load_start: LoadStart, adapters: Path, directory: Path) -> None:
    """Write the model that `export` left adapters of, with them added, in float32 to `directory`: as a full export."""
    model, tokenizer = _merged(load_start, adapters)
    with _whole(directory) as unfinished:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)


@contextmanager
def _whole(directory: Path) -> Iterator[Path]:
    """What is written beside and renamed: a directory of that name is complete, even after a full disk or a kill."""
    unfinished = directory.with_suffix(".unfinished")
    rmtree(unfinished, ignore_errors=True)
    yield unfinished
    rmtree(directory, ignore_errors=True)  # of a try that was killed before it could say that it had ended
    unfinished.replace(directory)


def load_export(load_start: LoadStart, directory: Path, dtype: Dtype, reading: Mapping[str, Any]) -> Loaded:
    """The model that `export` wrote, in `dtype`, read as its base is; with adapters merged, in float32."""
    if is_adapter(directory):
        return _merged(load_start, directory)
    return load_model(directory, dtype, **reading), load_tokenizer(directory, reading.get("trust_remote_code", False))


def _merged(load_start: LoadStart, directory: Path) -> Loaded:
    """The base that the adapters in `directory` were trained on, a quantised one with its 4-bit values, and they added.

    In float32: in bfloat16 most of what they add would be rounded away.
    """
    quantised = directory / QUANTISED
    if not quantised.exists():
        model, tokenizer = load_start("float32")
    else:
        model, tokenizer = load_start(json.loads(quantised.read_text())["dtype"])
        round_to_nf4(model)
        cast_weights(model, torch.float32)
    return merge_adapters(model, directory), tokenizer


def is_adapter(directory: Path) -> bool:
    return (directory / "adapter_config.json").exists()
