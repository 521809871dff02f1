"""Training on several ranks: processes that exchange gradients through gloo, as devices do through NCCL."""

import os
import random
from itertools import product
from shutil import copytree

import pytest
import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, LlamaConfig

from src.config.method import Lora
from src.config.trainer import Trainer as TrainerSection
from src.models.lora import add_adapters
from src.models.prompt import Encoded
from src.models.skeleton import skeleton
from src.modules import causal_lm
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.modules.training import fit
from src.modules.validation import Validation, evenly
from tests.ranks import on_ranks


def examples(n, shortest=6, longest=60, vocabulary=64):
    """Of lengths as uneven as those of worked solutions: few are long."""
    draw = random.Random(0)
    lengths = [round(shortest + (longest - shortest) * draw.random() ** 2) for _ in range(n)]
    return [
        Encoded([5 + i % 40] * (length // 3), [draw.randrange(3, vocabulary) for _ in range(length - length // 3)])
        for i, length in enumerate(lengths)
    ]


ADAPTERS = Lora(name="lora", r=2, alpha=4, dropout=0.0, target_modules=["q_proj", "down_proj"])
EXAMPLES = examples(40)
TRAIN, VAL = EXAMPLES[:33], EXAMPLES[33:]


def model(loaded, tied=False, lora=False):
    """A rank that is sent its weights has none of its own."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
    )
    model = AutoModelForCausalLM.from_config(config) if loaded else skeleton(config)
    return add_adapters(model, ADAPTERS, seed=0) if lora else model


class Watched(CausalLM):
    """Keeps the gradient of the first step, and on its clock every look takes a second."""

    gradient = None

    def on_before_optimizer_step(self, optimizer):
        if self.gradient is None:
            trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
            self.gradient = {name: whole(p.grad).clone() for name, p in trained.items()}


class Clock:
    """Stands for the module `time`: what is logged a second is then what was computed since the last time."""

    seconds = 0

    def perf_counter(self):
        self.seconds += 1
        return self.seconds


def whole(tensor):
    return tensor.detach().full_tensor() if isinstance(tensor, DTensor) else tensor.detach()


def trained(
    work,
    world_size=1,
    strategy="auto",
    packing=True,
    micro_batch_tokens=4096,
    batch=16,
    n=33,
    tied=False,
    lora=False,
    validation=None,
    **trainer,
):
    """What training on so many ranks logs, its first gradient and the weights that it ends with."""
    section = TrainerSection(
        **{
            "name": "test",
            "accelerator": "cpu",
            "devices": world_size,
            "strategy": strategy,
            "precision": "auto",
            "threads": 1,
            "micro_batch_tokens": micro_batch_tokens,
            "gradient_checkpointing": False,
            "checkpoint_every_steps": 1000,
            "progress_bar": False,
            **trainer,
        }
    )
    plan = step_plan(n, batch, epochs=1, steps=None, min_steps=1, seed=0)
    data = FinetuneData(TRAIN[:n], VAL, plan, Layout(packing, micro_batch_tokens), world_size)
    optimisation = Optimisation(len(plan), 1e-2, "cosine", 2, 0.1, 0.9, 0.98, 1.0, 0)
    started_from = model(strategy != "fsdp" or os.environ.get("LOCAL_RANK", "0") == "0", tied, lora)
    if section.gradient_checkpointing:
        started_from.gradient_checkpointing_enable({"use_reentrant": False})
    module = Watched(started_from, optimisation, data.passes_per_step)
    causal_lm.time = Clock()
    logged = {}
    fit(
        module,
        data,
        section,
        Validation(evenly(2, len(plan)), **validation or {}),
        work=work,
        sink=lambda metrics, step: logged.setdefault(step, {}).update(metrics),
    )
    if isinstance(module, FSDPModule):
        module.reshard()
    weights = {name: whole(p) for name, p in module.model.named_parameters()}
    return {"logged": logged, "gradient": module.gradient, "weights": weights, "dtypes": dtypes(module.model)}


def dtypes(model):
    return {name: tensor.dtype for name, tensor in [*model.named_parameters(), *model.named_buffers()]}


def trained_all(work, world_size, cases):
    """What training gives in each case, one after another."""
    return {name: trained(work / name, world_size, **case) for name, case in cases.items()}


LAYOUTS = {
    "packed": {},
    "padded": {"packing": False},
    "packed in several passes": {"micro_batch_tokens": 120},
    "padded in several passes": {"packing": False, "micro_batch_tokens": 120},
    "fewer examples than ranks": {"batch": 3, "n": 9},
}
CASES = {
    f"{strategy}, {layout}": {"strategy": strategy, **changes}
    for strategy, (layout, changes) in product(["ddp", "fsdp"], LAYOUTS.items())
}
VALIDATIONS = {"": {}, ", the best of averages": {"patience": 9.0, "averaging": 0.5}}
INTERRUPTED = {
    f"{strategy}{how}": {
        "strategy": strategy,
        "micro_batch_tokens": 120,
        "checkpoint_every_steps": 2,
        "validation": validation,
    }
    for strategy, (how, validation) in product(["ddp", "fsdp"], VALIDATIONS.items())
}
ON_TWO = {
    "auto": {},
    "fsdp, recomputed": {"strategy": "fsdp", "gradient_checkpointing": True, "micro_batch_tokens": 120},
    "fsdp, tied": {"strategy": "fsdp", "tied": True},
    "fsdp, lora": {"strategy": "fsdp", "lora": True},
    "fsdp, offloaded": {"strategy": "fsdp", "cpu_offload": True},
    "ddp, bf16-true": {"strategy": "ddp", "precision": "bf16-true"},
    "ddp, bf16-mixed": {"strategy": "ddp", "precision": "bf16-mixed"},
    "fsdp, bf16-true": {"strategy": "fsdp", "precision": "bf16-true"},
    "fsdp, bf16-mixed": {"strategy": "fsdp", "precision": "bf16-mixed"},
    "fsdp, lora, bf16-mixed": {"strategy": "fsdp", "lora": True, "precision": "bf16-mixed"},
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The cases on one device."""
    root = tmp_path_factory.mktemp("alone")
    one = {"strategy": "auto", "cpu_offload": False}
    return trained_all(root, 1, {name: case | one for name, case in (CASES | ON_TWO | INTERRUPTED).items()})


@pytest.fixture(scope="module")
def on_four(tmp_path_factory):
    work = tmp_path_factory.mktemp("four")
    return work, on_ranks(4, trained_all, work, 4, CASES | INTERRUPTED)


@pytest.fixture(scope="module")
def on_two(tmp_path_factory, on_four):
    """The interrupted go on from the checkpoints that four ranks wrote."""
    work = tmp_path_factory.mktemp("two")
    for name in INTERRUPTED:
        copytree(on_four[0] / name, work / name)
    return on_ranks(2, trained_all, work, 2, CASES | ON_TWO | INTERRUPTED)


def apart(one, other):
    """The distance of two sets of tensors, relative to the size of the first."""
    one, other = (torch.cat([tensor.double().flatten() for tensor in of.values()]) for of in (one, other))
    return float((one - other).norm() / one.norm())


def test_a_step_on_several_ranks_is_that_of_one_device(alone, on_four, on_two):
    for results in (on_four[1], on_two):
        for name in [name for name in CASES | ON_TWO if name in results and "bf16" not in name]:
            one, result = alone[name], results[name]
            assert apart(one["gradient"], result["gradient"]) < 1e-6, name
            assert result["logged"][1]["train/loss"] == pytest.approx(one["logged"][1]["train/loss"], rel=1e-6)
            assert result["logged"].keys() == one["logged"].keys()
            for step, metrics in result["logged"].items():
                assert metrics == pytest.approx(one["logged"][step], rel=1e-4), (name, step)
            assert apart(one["weights"], result["weights"]) < 1e-5, name


def test_a_checkpoint_of_four_ranks_goes_on_on_two(alone, on_four, on_two):
    for name in INTERRUPTED:
        one, whole, resumed = alone[name], on_four[1][name], on_two[name]
        assert resumed["logged"].keys() == {3} < whole["logged"].keys()
        assert resumed["logged"][3] == pytest.approx(one["logged"][3], rel=1e-5)
        assert apart(whole["weights"], resumed["weights"]) < 1e-6
        assert apart(one["weights"], resumed["weights"]) < 1e-6


def test_bfloat16_learns_on_several_ranks_and_turns_no_angle(alone, on_two):
    for name in [name for name in ON_TWO if "bf16" in name]:
        result = on_two[name]
        for step, metrics in result["logged"].items():
            assert metrics["train/loss"] == pytest.approx(alone[name]["logged"][step]["train/loss"], rel=0.02)
        held = torch.bfloat16 if "true" in name else torch.float32
        for tensor, dtype in result["dtypes"].items():
            assert dtype == (torch.float32 if "inv_freq" in tensor else held), tensor


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_every_rank_has_the_same_share_of_a_steps_tokens(packing, ranks):
    worked_solutions = examples(4 * ranks * 10, shortest=60, longest=450)
    plan = step_plan(len(worked_solutions), 4 * ranks, epochs=1, steps=None, min_steps=1, seed=0)
    data = FinetuneData(worked_solutions, [], plan, Layout(packing, 4096), ranks)
    for step, members in enumerate(plan):
        passes = [data.passes(step, rank) for rank in range(ranks)]
        tokens = [sum(part.tokens for part in of_rank) for of_rank in passes]
        assert sum(tokens) == sum(len(worked_solutions[i]) for i in members)
        assert min(tokens) > 0.9 * max(tokens)
        assert {len(of_rank) for of_rank in passes} == {data.passes_per_step}
