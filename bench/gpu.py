"""The parts of bench/gpu.sh, which says what they measure and how they run on a CPU.

    python bench/gpu.py train|decode DIRECTORY [overrides of src/train.py]

Model operations are torch's own count of the step without recomputation (frozen weights have no gradients), over the
examples' tokens without padding; attention is counted over all pairs of an example. Utilisation is their share of the
GPU's dense bfloat16 peak. Examples are random tokens, about as long as those of GSM8K in Llama 3's tokens; what is
decoded never stops before NEW_TOKENS, so that all engines generate as much.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from finetuning import Task, Trained, fathom, trl
from hydra import compose, initialize_config_dir
from transformers import PreTrainedModel

from src.config.check import check
from src.config.train import TrainConfig
from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.models.lora import add_adapters
from src.models.out_of_memory import free_memory
from src.models.prompt import Encoded
from src.modules.training import compute_dtype, prepare_torch, resolve_precision
from src.planning.assumptions import assumptions
from src.planning.memory import training_peak
from src.planning.trace import PassShape, trace_training
from src.planning.work import together
from src.points.base import Base
from src.points.draw import training_data
from src.points.train import trainable

GPU = os.environ.get("GPU", "h200_141gb")
EXAMPLES = int(os.environ.get("EXAMPLES", "640"))
BATCH = int(os.environ.get("BATCH", "64"))
PROMPTS = int(os.environ.get("PROMPTS", "256"))
NEW_TOKENS = int(os.environ.get("NEW_TOKENS", "128"))
GIB = 2**30


def main() -> None:
    part, directory, overrides = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    config = configured(overrides)
    device = prepare_torch(config.trainer)
    if part == "train":
        train(config, device)
    else:
        decode(config, device, directory)


def configured(overrides: list[str]) -> TrainConfig:
    defaults = ["model=llama3_8b", "model.init=random", "trainer=gpu", "trainer.progress_bar=false", "method=full"]
    recipe = ["recipe=fixed_batch", f"recipe.batch_size={BATCH}", "recipe.epochs=1", f"n_examples={EXAMPLES}"]
    with initialize_config_dir(str(Path(__file__).resolve().parent.parent / "conf"), version_base="1.3"):
        return check(compose("train", overrides=[*defaults, *recipe, *overrides]), TrainConfig)


def train(config: TrainConfig, device: torch.device) -> None:
    method = config.method.name
    examples = drawn_examples(config)

    def base() -> PreTrainedModel:
        with device:  # weights are drawn there
            return Base(config.model, None, "").load()[0]

    def ours() -> PreTrainedModel:
        return trainable(base(), config)

    def theirs() -> PreTrainedModel:
        return add_adapters(base(), config.method, config.seed) if method == "lora" else base()

    trained = measured(fathom, Task(method, ours, examples, BATCH, config.trainer))
    operations = model_flops(config, examples) / sum(map(len, examples)) * trained.speed  # a second
    share = operations / assumptions().gpus[GPU].bf16_tflops / 1e12
    print(
        f"{method:7s} fathom       {trained.speed:9,.0f} tokens/s, {operations / 1e12:.3g} model TFLOP/s"
        + (f", {share:.1%} of the peak of {GPU}" if device.type == "cuda" else " (no utilisation on a CPU)")
    )
    planned = sum(planned_peak(config, examples).values()) / GIB
    print(f"{method:7s} peak memory  {peak_memory(device)}, planned {planned:.3g} GiB")
    try:
        import trl as _  # noqa: F401
    except ImportError:
        print(f"{method:7s} trl          not installed")
        return
    rows = min(8, BATCH)
    options = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": BATCH // rows}
    on_gpu = {"use_cpu": False, "bf16": True} if device.type == "cuda" else {}
    checkpointing = {"gradient_checkpointing": config.trainer.gradient_checkpointing}
    beside = measured(trl, Task(method, theirs, examples, BATCH, config.trainer), options | on_gpu | checkpointing)
    print(
        f"{method:7s} trl          {beside.speed:9,.0f} tokens/s, peak memory {peak_memory(device)}; "
        f"fathom {trained.speed / beside.speed:.2f} times"
    )


def measured(run: Callable[..., Trained], task: Task, *options: Any) -> Trained:
    """One step to warm up, then all of them; peak memory is counted from before."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    run(replace(task, examples=task.examples[:BATCH]), *options)
    free_memory()
    trained = run(task, *options)
    free_memory()
    return trained


def peak_memory(device: torch.device) -> str:
    return f"{torch.cuda.max_memory_allocated() / GIB:.3g} GiB" if device.type == "cuda" else "not measured on a CPU"


def model_flops(config: TrainConfig, examples: list[Encoded]) -> float:
    """Operations of one epoch over the examples, if none were padded and nothing computed twice."""
    once = config.model_copy(update={"trainer": config.trainer.model_copy(update={"gradient_checkpointing": False})})
    trace = trace_training(once, resolve_precision(config.trainer), shapes(config, examples), accumulates=False)
    alone = [PassShape(1, len(example), len(example.answer)).work for example in examples]
    return trace.flops_of(sum(map(Counter, alone), Counter()))


def planned_peak(config: TrainConfig, examples: list[Encoded]) -> dict[str, float]:
    accumulates = training_data(config, examples, []).passes_per_step > 1
    trace = trace_training(config, resolve_precision(config.trainer), shapes(config, examples), accumulates)
    return training_peak(config, trace)


def shapes(config: TrainConfig, examples: list[Encoded]) -> PassShape:
    """The largest pass."""
    data = training_data(config, examples, [])
    passes = [part for step in range(len(data.plan)) for part in data.passes(step) if part.tokens]
    return together(PassShape(*part.input_ids.shape, int((part.targets >= 0).sum())) for part in passes)


def drawn_examples(config: TrainConfig) -> list[Encoded]:
    draw = random.Random(0)

    def tokens(fewest: int, most: int) -> list[int]:
        return [draw.randrange(3, config.model.architecture.vocab_size) for _ in range(draw.randint(fewest, most))]  # type: ignore[union-attr]

    return [Encoded(tokens(40, 120), tokens(50, 200)) for _ in range(EXAMPLES)]


def decode(config: TrainConfig, device: torch.device, directory: Path) -> None:
    with device:
        model, _ = Base(config.model, None, "").load(compute_dtype(config.trainer))
    vocabulary = model.config.vocab_size
    draw = random.Random(0)
    prompts = [[draw.randrange(3, vocabulary) for _ in range(draw.randint(40, 120))] for _ in range(PROMPTS)]
    model.config.save_pretrained(directory)
    (directory / "decode.json").write_text(json.dumps({"prompts": prompts, "new_tokens": NEW_TOKENS}))
    stop, budget = [vocabulary], config.generation.batch_tokens  # a token that no answer holds
    engines: dict[str, Engine] = {
        "fathom": GreedyEngine(model, stop, budget),
        "transformers": HfEngine(model, stop, budget),
    }
    seconds = {}
    for name, engine in engines.items():
        engine.generate(prompts[: max(1, PROMPTS // 8)], 4)  # warms up
        started = time.perf_counter()
        tokens = sum(map(len, engine.generate(prompts, NEW_TOKENS)))
        seconds[name] = time.perf_counter() - started
        print(f"decode  {name:12s} {tokens / seconds[name]:9,.0f} tokens/s")


if __name__ == "__main__":
    main()
