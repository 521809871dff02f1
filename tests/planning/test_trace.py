"""What a trace says of memory and operations is what torch sees where the same is really done."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from src.generation.greedy import GreedyEngine
from src.generation.nll import answer_nll
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
from src.planning import trace
from src.planning.trace import PassShape, trace_evaluation, trace_training
from src.points.train import trainable

LORA = {"name": "lora", "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj", "v_proj", "down_proj"]}
QLORA = LORA | {"name": "qlora"}
CONSTANT_RATE = Optimisation(2, 1e-3, "constant", 1, 0.0, 0.9, 0.98, 1.0, 0)


def trained_model(config):
    return trainable(fresh_model(tiny_config("llama3", config.model.size), seed=0), config)


def peak_of(run, model):
    """The most bytes that were allocated at a time, by torch's own profiler, the model's included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        run()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    storages = {t.untyped_storage()._cdata: t.untyped_storage() for t in [*model.parameters(), *model.buffers()]}
    return peak + sum(storage.nbytes() for storage in storages.values())


@pytest.mark.parametrize(
    ("method", "precision", "checkpointing"),
    [
        ({"name": "full"}, "32-true", False),
        ({"name": "full"}, "bf16-mixed", True),
        (LORA, "bf16-mixed", False),
        (QLORA, "bf16-mixed", True),
    ],
)
def test_memory_of_a_step(toy, tmp_path, method, precision, checkpointing):
    if method is QLORA:
        pytest.importorskip("bitsandbytes")
    trainer = {"precision": precision, "gradient_checkpointing": checkpointing}
    config = toy(method=method, model={"size": "m"}, trainer=trainer)
    # Two passes a step, each of eight rows of one long and of two short examples.
    examples = [Encoded([5] * length, [7] * (length // 2)) for length in [64] * 4 + [32] * 8] * 2
    plan = step_plan(len(examples), len(examples), epochs=None, steps=2, min_steps=1, seed=0)
    data = FinetuneData(examples, [], plan, Layout(packing=True, micro_batch_tokens=8 * 96))
    assert data.passes_per_step == 2
    model = trained_model(config)
    module = CausalLM(model, CONSTANT_RATE, data.passes_per_step)
    seen = peak_of(
        lambda: fit(module, data, config.trainer, Validation([]), work=tmp_path, sink=lambda *_: None), model
    )
    planned = trace_training(config, precision, PassShape(8, 96, 256), accumulates=True)
    assert sum(planned.peak().values()) == pytest.approx(seen, rel=0.1)


def test_memory_of_an_evaluation(toy):
    model = fresh_model(tiny_config("llama3", "s"), seed=0)
    # No two prompts are the same: such are read once.
    items, new_tokens, budget = [([5 + place] * 48, [7] * 16) for place in range(20)], 16, 1024

    def evaluate():
        answer_nll(model, items, budget)
        GreedyEngine(model, [], budget).generate([prompt for prompt, _ in items], new_tokens)

    shapes = PassShape(16, 64, 256), PassShape(16, 48, 0)  # as many rows as fit into the budget
    planned = trace_evaluation(toy().model, "32-true", *shapes, new_tokens)
    assert sum(planned.peak().values()) == pytest.approx(peak_of(evaluate, model), rel=0.1)


@pytest.mark.parametrize(
    ("optimizer", "bytes_each"), [("adamw", 8), ("adamw_bf16_stochastic", 4), ("paged_adamw_8bit", 2 + 1 / 16)]
)
def test_bytes_of_an_optimiser(toy, optimizer, bytes_each):
    if optimizer == "paged_adamw_8bit":
        pytest.importorskip("bitsandbytes")
    config = toy(recipe={"optimizer": optimizer}, trainer={"accelerator": "gpu"})
    seen = trace_training(config, "32-true", PassShape(1, 8, 4), accumulates=False)
    assert seen.optimiser_bytes == pytest.approx(bytes_each * seen.parameters, rel=0.001)
    assert seen.peak()["optimiser"] == pytest.approx(seen.optimiser_bytes, rel=0.001)


def test_few_layers_tell_of_all(toy, monkeypatch):
    config = toy(model={"size": "l"}, trainer={"gradient_checkpointing": True})
    shapes = config, "bf16-mixed", PassShape(8, 96, 256), False
    shares = {"weights": 0.25, "gradients": 0.25, "optimiser": 0.25}
    of_few = trace_training(*shapes)
    told = of_few.peak(), of_few.peak(shares), of_few.flops
    monkeypatch.setattr(trace, "FEW_LAYERS", (5, 6))
    of_all = trace_training(*shapes)
    for of_some, of_each in zip(told, (of_all.peak(), of_all.peak(shares), of_all.flops), strict=True):
        assert of_some == pytest.approx(of_each, rel=1e-6)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", [{"name": "full"}, LORA], ids=["full", "lora"])
def test_operations_of_a_step(toy, checkpointing, method):
    config = toy(method=method, trainer={"gradient_checkpointing": checkpointing})
    model = trained_model(config)
    ids = torch.zeros(3, 40, dtype=torch.long)
    positions = torch.cat([torch.arange(25), torch.arange(15)]).expand_as(ids)
    targets = torch.full_like(ids, -100).index_fill(1, torch.arange(10), 3)
    # In this form attention is products of matrices, which torch counts on every device.
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        token_nll(model, ids, positions, targets).sum().backward()
    planned = trace_training(config, "32-true", PassShape(8, 96, 256), accumulates=False)
    # Fused attention computes one product more on the way back, and all of them whatever needs a gradient.
    assert planned.flops_of(PassShape(3, 40, 30).work) == pytest.approx(counted.get_total_flops(), rel=0.03)
