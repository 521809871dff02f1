"""The weights that a finetuning run leaves: safetensors (or a peft adapter) and the tokenizer, whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from lightning import Trainer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from src.config.model import Dtype
from src.models.load import load_model, load_tokenizer
from src.models.lora import merge_adapters
from src.modules.causal_lm import CausalLM


def export(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write the trained model to `directory`. All ranks must call it: sharded weights are gathered from them."""
    module = trainer.lightning_module
    assert isinstance(module, CausalLM)
    gathered = trainer.strategy.lightning_module_state_dict()
    if not trainer.is_global_zero:
        return
    # Written beside and renamed: a directory of that name is a complete export, even after a full disk or a kill.
    unfinished = directory.with_suffix(".unfinished")
    rmtree(unfinished, ignore_errors=True)
    weights = {name.removeprefix("model."): tensor for name, tensor in gathered.items()}
    module.model.save_pretrained(unfinished, state_dict=weights)
    tokenizer.save_pretrained(unfinished)
    rmtree(directory, ignore_errors=True)  # of a try that was killed before it could say that it had ended
    unfinished.replace(directory)


def load_export(
    load_start: Callable[[Dtype], tuple[PreTrainedModel, PreTrainedTokenizerBase]],
    directory: Path,
    dtype: Dtype,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model that `export` wrote, in `dtype`; adapters merged into what they started from, in float32."""
    if (directory / "adapter_config.json").exists():
        model, tokenizer = load_start("float32")  # in bfloat16 most of what adapters add would be rounded away
        return merge_adapters(model, directory), tokenizer
    return load_model(directory, dtype), load_tokenizer(directory)
