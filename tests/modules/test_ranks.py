"""Training on several ranks: processes that exchange gradients through gloo, as devices do through NCCL."""

import multiprocessing
import os
import random
import socket
from itertools import product

import pytest
import torch
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, LlamaConfig

from src.config.trainer import Trainer as TrainerSection
from src.models.prompt import Encoded
from src.modules import causal_lm
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.modules.training import fit
from src.modules.validation import Validation, evenly

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["src.tasks.finetune"])  # torch and Lightning are imported once for all ranks


def examples(n, shortest=6, longest=60, vocabulary=64):
    """Of lengths as uneven as those of worked solutions: few are long."""
    draw = random.Random(0)
    lengths = [round(shortest + (longest - shortest) * draw.random() ** 2) for _ in range(n)]
    return [
        Encoded([5 + i % 40] * (length // 3), [draw.randrange(3, vocabulary) for _ in range(length - length // 3)])
        for i, length in enumerate(lengths)
    ]


EXAMPLES = examples(40)
TRAIN, VAL = EXAMPLES[:33], EXAMPLES[33:]


def model(**changes):
    torch.manual_seed(0)
    shape = {
        "vocab_size": 64,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    return AutoModelForCausalLM.from_config(LlamaConfig(**(shape | changes)))


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
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor.detach()


def trained(work, world_size=1, strategy="auto", packing=True, micro_batch_tokens=4096, batch=16, n=33, **trainer):
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
    plan = step_plan(n, batch, epochs=2, steps=None, min_steps=1, seed=0)
    data = FinetuneData(TRAIN[:n], VAL, plan, Layout(packing, micro_batch_tokens), world_size)
    optimisation = Optimisation(len(plan), 1e-2, "cosine", 2, 0.01, 0.9, 0.98, 1.0, 0)
    module = Watched(model(), optimisation, data.passes_per_step)
    causal_lm.time = Clock()
    logged = {}
    fit(
        module,
        data,
        section,
        Validation(evenly(2, len(plan))),
        work=work,
        sink=lambda metrics, step: logged.setdefault(step, {}).update(metrics),
    )
    weights = {name: whole(p) for name, p in module.model.named_parameters()}
    return {"logged": logged, "gradient": module.gradient, "weights": weights, "dtypes": dtypes(module.model)}


def dtypes(model):
    return {name: tensor.dtype for name, tensor in [*model.named_parameters(), *model.named_buffers()]}


def on_ranks(world_size, work, cases):
    """What rank 0 gets of `trained(**case)`, by the case's name; all ranks train one case after another."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        processes.Process(target=_rank, args=(rank, world_size, port, work, cases)) for rank in range(world_size)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * world_size
    return torch.load(work / "results.pt")


def _rank(rank, world_size, port, work, cases):
    os.environ |= {
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    results = {name: trained(work / name, world_size, **case) for name, case in cases.items()}
    if rank == 0:
        torch.save(results, work / "results.pt")


LAYOUTS = {
    "packed": {},
    "padded": {"packing": False},
    "packed in several passes": {"micro_batch_tokens": 120},
    "padded in several passes": {"packing": False, "micro_batch_tokens": 120},
    "fewer examples than ranks": {"batch": 3},
}
CASES = {
    f"{strategy}, {layout}": {"strategy": strategy, **changes}
    for strategy, (layout, changes) in product(["ddp"], LAYOUTS.items())
}
CASES |= {"auto": {}, "ddp, bf16-true": {"precision": "bf16-true"}, "ddp, bf16-mixed": {"precision": "bf16-mixed"}}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The cases on one device."""
    root = tmp_path_factory.mktemp("alone")
    return {name: trained(root / name, **(case | {"strategy": "auto"})) for name, case in CASES.items()}


@pytest.fixture(scope="module", params=[2, 4])
def together(request, tmp_path_factory):
    return on_ranks(request.param, tmp_path_factory.mktemp(f"on {request.param}"), CASES)


def apart(one, other):
    """The distance of two sets of tensors, relative to the size of the first."""
    one, other = (torch.cat([tensor.double().flatten() for tensor in of.values()]) for of in (one, other))
    return float((one - other).norm() / one.norm())


def test_a_step_on_several_ranks_is_that_of_one_device(alone, together):
    for name, result in together.items():
        if "bf16" in name:
            continue
        assert apart(alone[name]["gradient"], result["gradient"]) < 1e-6, name
        assert result["logged"][1]["train/loss"] == pytest.approx(alone[name]["logged"][1]["train/loss"], rel=1e-6)
        assert result["logged"].keys() == alone[name]["logged"].keys()
        for step, metrics in result["logged"].items():
            assert metrics == pytest.approx(alone[name]["logged"][step], rel=1e-3), (name, step)
        assert apart(alone[name]["weights"], result["weights"]) < 1e-3, name


def test_bfloat16_learns_on_several_ranks_and_turns_no_angle(alone, together):
    for name in ("ddp, bf16-true", "ddp, bf16-mixed"):
        result = together[name]
        for step, metrics in result["logged"].items():
            assert metrics["train/loss"] == pytest.approx(alone[name]["logged"][step]["train/loss"], rel=0.02)
        held = torch.bfloat16 if "true" in name else torch.float32
        for tensor, dtype in result["dtypes"].items():
            assert dtype == (torch.float32 if "inv_freq" in tensor else held), tensor


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_every_rank_has_the_same_share_of_a_steps_tokens(packing, ranks):
    worked_solutions = examples(4 * ranks * 10, shortest=60, longest=450)
    plan = step_plan(len(worked_solutions), 4 * ranks, epochs=2, steps=None, min_steps=1, seed=0)
    data = FinetuneData(worked_solutions, [], plan, Layout(packing, 4096), ranks)
    for step, members in enumerate(plan):
        passes = [data.passes(step, rank) for rank in range(ranks)]
        tokens = [sum(part.tokens for part in of_rank) for of_rank in passes]
        assert sum(tokens) == sum(len(worked_solutions[i]) for i in members)
        assert min(tokens) > 0.9 * max(tokens)
        assert {len(of_rank) for of_rank in passes} == {data.passes_per_step}
