"""Tokens per second of the finetuning path through Lightning against a bare PyTorch loop on the same batches.

    python bench/training_step.py [s m l]

The same tiny model, examples, packing, loss and optimiser run both ways at the batches that sweeps use, interleaved in
one process, and the ratio of the medians is printed: 1.0 means that Lightning, logging and the data module cost
nothing. Time is that of the process, so that other processes count for little.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.optim import AdamW

from src.config.trainer import Trainer as TrainerSection
from src.models.attention import attend_by_example
from src.models.load import fresh_model
from src.models.loss import token_nll
from src.models.prompt import Encoded
from src.models.tiny import tiny_config
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.modules.training import fit
from src.modules.validation import Validation

ROUNDS = 5
STEPS = 60
BATCHES = (4, 8)  # of recipe=tiny and recipe=converged
TRAINER = TrainerSection(
    name="cpu", accelerator="cpu", devices=1, strategy="auto", precision="32-true", threads=1, micro_batch_tokens=4096,
    gradient_checkpointing=False, checkpoint_every_steps=10_000, progress_bar=False,
)  # fmt: skip


def examples(batch: int) -> list[Encoded]:
    draw = random.Random(0)
    return [
        Encoded([draw.randrange(3, 1000) for _ in range(draw.randint(30, 80))],
                [draw.randrange(3, 1000) for _ in range(draw.randint(10, 90))])
        for _ in range(STEPS * batch)
    ]  # fmt: skip


def lightning(size: str, data: FinetuneData, optimisation: Optimisation) -> float:
    module = CausalLM(attend_by_example(fresh_model(tiny_config("llama3", size), seed=0)), optimisation)
    times: list[float] = []
    module.on_train_start = lambda: times.append(time.process_time())  # type: ignore[method-assign]
    module.on_train_end = lambda: times.append(time.process_time())  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as work:
        fit(module, data, TRAINER, Validation([]), work=Path(work), sink=lambda metrics, step: None)
    return times[1] - times[0]


def bare(size: str, data: FinetuneData, optimisation: Optimisation) -> float:
    model = attend_by_example(fresh_model(tiny_config("llama3", size), seed=0))
    model.train()
    optimizer = AdamW(model.parameters(), lr=optimisation.lr, weight_decay=optimisation.weight_decay, fused=True)
    started = time.process_time()
    for step in range(len(data.plan)):
        (part,) = data.passes(step)
        for group in optimizer.param_groups:
            group["lr"] = optimisation.lr * optimisation.lr_factor(step)
        nll = token_nll(model, part.input_ids, part.position_ids, part.targets, part.example_lengths)
        (nll.sum() / part.answer_tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), optimisation.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - started


def main() -> None:
    torch.set_num_threads(1)
    for size in sys.argv[1:] or ("s", "m", "l"):
        for batch in BATCHES:
            _compare(size, batch)


def _compare(size: str, batch: int) -> None:
    plan = step_plan(STEPS * batch, batch, epochs=1, steps=None, min_steps=1, seed=0)
    data = FinetuneData(examples(batch), [], plan, Layout(packing=True, micro_batch_tokens=4096, one_row=True))
    optimisation = Optimisation(len(plan), 1e-3, "cosine", 3, 0.01, 0.9, 0.98, 1.0, seed=0)
    tokens = sum(len(example) for example in data.train)
    rates: dict[str, list[float]] = {"lightning": [], "bare": []}
    for round_ in range(ROUNDS + 1):
        for name, run in (("lightning", lightning), ("bare", bare)):
            rate = tokens / run(size, data, optimisation)
            if round_:  # the first warms up
                rates[name].append(rate)
    medians = {name: statistics.median(of) for name, of in rates.items()}
    for name, rate in medians.items():
        every = ", ".join(f"{r:,.0f}" for r in sorted(rates[name]))
        print(f"{name:10s} {rate:9,.0f} tokens/s (median of {ROUNDS}: {every})")
    ratio = medians["lightning"] / medians["bare"]
    print(f"ratio lightning / bare: {ratio:.3f}   (tiny_llama3-{size}, {STEPS} steps of {batch})")


if __name__ == "__main__":
    main()
