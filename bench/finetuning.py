"""Finetuning beside TRL's SFTTrainer: useful tokens per second on the same examples of GSM8K, in turn, on one thread.

    python bench/finetuning.py --gsm8k=../shared/data/gsm8k [--sizes m l] [--batch 16] [--steps 12] [--rounds 5]

TRL is no part of the environment: `pip install --no-deps --target /tmp/trl trl`, then PYTHONPATH=/tmp/trl before it.

The same model (tiny_llama3 with fresh weights), tokens, answers that the loss counts, optimiser, schedule and examples
in a step, and one epoch. TRL twice: as it is by default (without the gradient checkpointing, which costs time and
spares memory), and with examples of one length in a batch, as its grouping has them. Useful tokens are those of prompts
and answers, not padding. Time is that of the process after the first step, so that other processes count for little;
who goes first changes from round to round. The loss of the first step over the first `batch` examples says that all
compute the same.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback
from transformers.utils.logging import set_verbosity_error

from src.benchmarks.gsm8k import Gsm8k
from src.config.trainer import Trainer as TrainerSection
from src.models.attention import attend_by_example
from src.models.load import fresh_model
from src.models.loss import IGNORE
from src.models.prompt import Encoded, PromptFormat
from src.models.tiny import tiny_config, tiny_tokenizer
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.modules.training import fit, prepare_torch
from src.modules.validation import Validation

FAMILY = "llama3"
PLAIN_PROMPT = "Question: {prompt}\nAnswer:\n"  # conf/model/base/hub.yaml
LR, WEIGHT_DECAY, BETAS, GRAD_CLIP = 1e-4, 0.01, (0.9, 0.98), 1.0
TRAINER = TrainerSection(
    name="cpu", accelerator="cpu", devices=1, strategy="auto", precision="32-true", threads=1, micro_batch_tokens=4096,
    gradient_checkpointing=False, checkpoint_every_steps=10_000, progress_bar=False,
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One epoch over the examples, `batch` to a step, of what `model` makes."""

    name: str
    model: Callable[[], PreTrainedModel]
    examples: list[Encoded]
    batch: int
    trainer: TrainerSection = TRAINER


@dataclass(frozen=True)
class Trained:
    """What came after the first step, since starts differ: TRL's takes as long as some steps."""

    tokens: int
    seconds: float
    first_loss: float

    @property
    def speed(self) -> float:
        """Useful tokens a second."""
        return self.tokens / self.seconds


def clock() -> float:
    """Seconds of the process, for which other processes count for little; of the wall where a GPU works."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def fathom(task: Task) -> Trained:
    plan = step_plan(len(task.examples), task.batch, epochs=1, steps=None, min_steps=1, seed=0)
    one_row = task.trainer.accelerator == "cpu"
    layout = Layout(packing=True, micro_batch_tokens=task.trainer.micro_batch_tokens, one_row=one_row)
    data = FinetuneData(task.examples, [], plan, layout)
    optimisation = Optimisation(len(plan), LR, "constant", 1, WEIGHT_DECAY, *BETAS, GRAD_CLIP, seed=0)
    module = CausalLM(attend_by_example(task.model()), optimisation, data.passes_per_step)
    times, losses = [], []

    def logged(said: dict[str, float], step: int) -> None:  # after every step, where there are fewer than 200
        times.append(clock())
        losses.append(said["train/loss"])

    with tempfile.TemporaryDirectory() as work:
        fit(module, data, task.trainer, Validation([]), work=Path(work), sink=logged)
    tokens = sum(len(task.examples[i]) for step in range(1, len(plan)) for i in plan[step])
    return Trained(tokens, times[-1] - times[0], losses[0])


class _Watch(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(clock())

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])


def trl(task: Task, options: Mapping[str, Any] = MappingProxyType({})) -> Trained:
    """In the order of the examples, so that it is known which come after the first step."""
    from trl import SFTConfig, SFTTrainer

    columns = {
        "input_ids": [example.prompt + example.answer for example in task.examples],
        "labels": [[IGNORE] * len(example.prompt) + example.answer for example in task.examples],
    }
    watch = _Watch()
    with tempfile.TemporaryDirectory() as work:
        config = SFTConfig(
            **{
                "output_dir": work, "num_train_epochs": 1, "per_device_train_batch_size": task.batch,
                "max_length": None, "train_sampling_strategy": "sequential",
                "learning_rate": LR, "lr_scheduler_type": "constant", "weight_decay": WEIGHT_DECAY,
                "adam_beta1": BETAS[0], "adam_beta2": BETAS[1], "max_grad_norm": GRAD_CLIP,
                "optim": "adamw_torch_fused", "gradient_checkpointing": False, "use_cpu": True, "bf16": False,
                "logging_first_step": True, "logging_steps": 50, "save_strategy": "no",
                "report_to": "none", "disable_tqdm": True, "seed": 0,
                **options,
            }
        )  # fmt: skip
        trainer = SFTTrainer(
            model=task.model(),
            args=config,
            train_dataset=Dataset.from_dict(columns),
            processing_class=tiny_tokenizer(FAMILY),
            callbacks=[watch],
        )
        trainer.train()
    tokens = sum(map(len, task.examples[task.batch :]))
    return Trained(tokens, watch.times[-1] - watch.times[0], watch.losses[0])


def trl_by_length(task: Task) -> Trained:
    """As `group_by_length` has it at its best: it needs 4 batches at least, and 200 for its full effect."""
    ordered = sorted(task.examples, key=len)
    batches = [ordered[start : start + task.batch] for start in range(0, len(ordered), task.batch)]
    random.Random(0).shuffle(batches)
    return trl(replace(task, examples=[example for batch in batches for example in batch]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Useful tokens per second beside TRL's SFTTrainer.")
    parser.add_argument("--gsm8k", type=Path, required=True, help="directory with train.jsonl and test.jsonl")
    parser.add_argument("--sizes", nargs="+", default=["m", "l"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12, help="fewer than 200")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    prepare_torch(TRAINER)
    set_verbosity_error()
    runs: dict[str, Callable[[Task], Trained]] = {"fathom": fathom}
    try:
        import trl as _  # noqa: F401
    except ImportError:
        print("TRL is not here: `pip install --no-deps --target /tmp/trl trl` and put /tmp/trl on PYTHONPATH")
    else:
        runs |= {"trl": trl, "trl, by length": trl_by_length}
    benchmark = Gsm8k(name="gsm8k", max_new_tokens=512, path=arguments.gsm8k)
    prompts = PromptFormat(tiny_tokenizer(FAMILY), PLAIN_PROMPT)
    wanted = benchmark.pool()[: arguments.steps * arguments.batch]
    examples = [prompts.encode(example.prompt, example.answer) for example in wanted]
    for size in arguments.sizes:
        model = partial(fresh_model, tiny_config(FAMILY, size), seed=0)
        compare(runs, Task(f"tiny_{FAMILY} {size}", model, examples, arguments.batch), arguments.rounds)


def compare(runs: dict[str, Callable[[Task], Trained]], task: Task, rounds: int) -> None:
    one_step = replace(task, examples=task.examples[: task.batch])
    first = {name: run(one_step).first_loss for name, run in runs.items()}  # which also warms up
    rates: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(runs[name](task).speed)
    ours = statistics.median(rates["fathom"])
    print(f"{task.name}: {len(task.examples)} examples, {task.batch} to a step")
    for name, of in rates.items():
        median = statistics.median(of)
        print(
            f"  {name:15s} {median:7,.0f} tokens/s ({min(of):,.0f}-{max(of):,.0f} in {rounds}); "
            f"fathom {ours / median:.2f} times; loss of the first step {first[name]:.4f}"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
