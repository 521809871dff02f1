"""Finetuning beside TRL's SFTTrainer: useful tokens per second on the same examples of GSM8K, in turn, on one thread.

    python bench/finetuning.py --gsm8k=../shared/data/gsm8k [--sizes m l] [--batch 16] [--steps 12] [--rounds 5]

TRL is no part of the environment: `pip install --no-deps --target /tmp/trl trl`, then PYTHONPATH=/tmp/trl before it.

The same model (tiny_llama3 with fresh weights), tokens, answers that the loss counts, optimiser, schedule and examples
in a step, and one epoch. TRL three times: as it is by default (without the gradient checkpointing, which costs time and
spares memory), grouping examples by length, and packing them (`bfd`), a step then having about as many examples. Useful
tokens are those of prompts and answers, not padding. Time is that of the process in training alone, without the
preparation of data, so that other processes count for little; who goes first changes from round to round. The loss of
the first step over the first `batch` examples says that all compute the same.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
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
TRL: dict[str, dict[str, Any]] = {
    "trl": {},
    "trl, by length": {"train_sampling_strategy": "group_by_length"},
    "trl, packed": {"packing": True, "packing_strategy": "bfd"},
}


@dataclass(frozen=True)
class Task:
    size: str
    examples: list[Encoded]
    batch: int


@dataclass(frozen=True)
class Trained:
    seconds: float
    first_loss: float


def fathom(task: Task) -> Trained:
    plan = step_plan(len(task.examples), task.batch, epochs=1, steps=None, min_steps=1, seed=0)
    layout = Layout(packing=True, micro_batch_tokens=TRAINER.micro_batch_tokens, one_row=True)
    data = FinetuneData(task.examples, [], plan, layout)
    optimisation = Optimisation(len(plan), LR, "constant", 1, WEIGHT_DECAY, *BETAS, GRAD_CLIP, seed=0)
    model = attend_by_example(fresh_model(tiny_config(FAMILY, task.size), seed=0))
    module = CausalLM(model, optimisation, data.passes_per_step)
    times, losses = [], []
    module.on_train_start = lambda: times.append(time.process_time())  # type: ignore[method-assign]
    module.on_train_end = lambda: times.append(time.process_time())  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as work:
        fit(module, data, TRAINER, Validation([]), work=Path(work), sink=lambda said, step: losses.append(said))
    return Trained(times[1] - times[0], losses[0]["train/loss"])


class _Watch(TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []
        self.losses: list[float] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.times.append(time.process_time())

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.times.append(time.process_time())

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])


def trl(task: Task, **options: Any) -> Trained:
    from trl import SFTConfig, SFTTrainer

    rows = task.batch
    if options.get("packing"):
        # A row holds several examples: so many rows that a step has `batch` examples on the average.
        row = max(len(example) for example in task.examples)
        options = {**options, "max_length": row}
        if len(task.examples) > task.batch:
            rows = max(1, round(task.batch * sum(map(len, task.examples)) / len(task.examples) / row))
    columns = {
        "input_ids": [example.prompt + example.answer for example in task.examples],
        "labels": [[IGNORE] * len(example.prompt) + example.answer for example in task.examples],
    }
    watch = _Watch()
    with tempfile.TemporaryDirectory() as work:
        config = SFTConfig(
            **{
                "output_dir": work, "num_train_epochs": 1, "per_device_train_batch_size": rows, "max_length": None,
                "learning_rate": LR, "lr_scheduler_type": "constant", "weight_decay": WEIGHT_DECAY,
                "adam_beta1": BETAS[0], "adam_beta2": BETAS[1], "max_grad_norm": GRAD_CLIP,
                "optim": "adamw_torch_fused", "gradient_checkpointing": False, "use_cpu": True, "bf16": False,
                "logging_first_step": True, "logging_steps": 50, "save_strategy": "no",
                "report_to": "none", "disable_tqdm": True, "seed": 0,
                **options,
            }
        )  # fmt: skip
        trainer = SFTTrainer(
            model=fresh_model(tiny_config(FAMILY, task.size), seed=0),
            args=config,
            train_dataset=Dataset.from_dict(columns),
            processing_class=tiny_tokenizer(FAMILY),
            callbacks=[watch],
        )
        trainer.train()
    return Trained(watch.times[1] - watch.times[0], watch.losses[0])


def main() -> None:
    parser = argparse.ArgumentParser(description="Useful tokens per second beside TRL's SFTTrainer.")
    parser.add_argument("--gsm8k", type=Path, required=True, help="directory with train.jsonl and test.jsonl")
    parser.add_argument("--sizes", nargs="+", default=["m", "l"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
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
        runs |= {name: lambda task, options=options: trl(task, **options) for name, options in TRL.items()}
    benchmark = Gsm8k(name="gsm8k", max_new_tokens=512, path=arguments.gsm8k)
    prompts = PromptFormat(tiny_tokenizer(FAMILY), PLAIN_PROMPT)
    wanted = benchmark.pool()[: arguments.steps * arguments.batch]
    examples = [prompts.encode(example.prompt, example.answer) for example in wanted]
    for size in arguments.sizes:
        compare(runs, Task(size, examples, arguments.batch), arguments.rounds)


def compare(runs: dict[str, Callable[[Task], Trained]], task: Task, rounds: int) -> None:
    one_step = Task(task.size, task.examples[: task.batch], task.batch)
    first = {name: run(one_step).first_loss for name, run in runs.items()}  # which also warms up
    tokens = sum(map(len, task.examples))
    rates: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(tokens / runs[name](task).seconds)
    ours = statistics.median(rates["fathom"])
    print(f"tiny_{FAMILY} {task.size}: {len(task.examples)} examples, {tokens:,} tokens, {task.batch} to a step")
    for name, of in rates.items():
        median = statistics.median(of)
        print(
            f"  {name:15s} {median:7,.0f} tokens/s ({min(of):,.0f}-{max(of):,.0f} in {rounds}); "
            f"fathom {ours / median:.2f} times; loss of the first step {first[name]:.4f}"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
