"""Training runs of a few steps through the real Lightning Trainer."""

import multiprocessing
import os
from signal import SIGKILL

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from src.config.trainer import Trainer as TrainerSection
from src.models.prompt import Encoded
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation, TrainingDiverged
from src.modules.finetune_data import FinetuneData
from src.modules.plan import StepPlan, step_plan
from src.modules.training import fit
from src.modules.validation import Validation, evenly

EXAMPLES = [Encoded([5, 6, 7 + i % 20], [30 + i, 31 + i, 2]) for i in range(25)]


def trainer_section(**changes):
    fields = {
        "name": "cpu",
        "accelerator": "cpu",
        "devices": 1,
        "strategy": "auto",
        "precision": "auto",
        "threads": 1,
        "micro_batch_tokens": 4096,
        "gradient_checkpointing": False,
        "checkpoint_every_steps": 1000,
        "progress_bar": False,
    }
    return TrainerSection(**(fields | changes))


def model(dropout=0.1):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(
        LlamaConfig(
            vocab_size=64,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            attention_dropout=dropout,  # so that a resume must bring the random state back too
        )
    )


def optimisation(total_steps, **changes):
    fields = {
        "lr": 1e-2,
        "schedule": "cosine",
        "warmup_steps": 2,
        "weight_decay": 0.01,
        "beta1": 0.9,
        "beta2": 0.98,
        "grad_clip": 1.0,
        "seed": 3_000_000_007,  # any seed will do, a large one too
    }
    return Optimisation(total_steps=total_steps, **(fields | changes))


def test_an_inverse_square_root_needs_no_end():
    """The peak up to `constant_steps`, half of it at four times as many; the same in any length."""
    for total in (100, 10_000):
        factor = optimisation(total, schedule="inverse_sqrt", warmup_steps=4, constant_steps=8).lr_factor
        assert [factor(step - 1) for step in (2, 4, 8, 32, 72)] == pytest.approx([1 / 2, 1, 1, 1 / 2, 1 / 3])


def run(
    work,
    *,
    n=25,
    batch=8,
    epochs=3,
    packing=True,
    micro_batch_tokens=4096,
    section=None,
    sink=None,
    dropout=0.1,
    **changes,
):
    plan = step_plan(n, batch, epochs=epochs, steps=None, min_steps=1, seed=0)
    data = FinetuneData(EXAMPLES[:n], EXAMPLES[20:], plan, Layout(packing, micro_batch_tokens))
    module = CausalLM(model(dropout), optimisation(len(plan), **changes), data.passes_per_step)
    logged = []
    fit(
        module,
        data,
        section or trainer_section(),
        Validation(evenly(2, len(plan))),
        work=work,
        sink=sink or (lambda metrics, step: logged.append((step, dict(metrics)))),
    )
    return module, logged


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.model.parameters()])


def test_ten_examples_train_to_the_peak_of_the_learning_rate(tmp_path):
    module, logged = run(tmp_path, n=10, batch=16, epochs=3)
    rates = [metrics["train/lr"] for _, metrics in logged if "train/lr" in metrics]
    assert len(rates) == 3
    assert max(rates) == pytest.approx(1e-2)
    assert [step for step, metrics in logged if "val/loss" in metrics]
    assert not torch.equal(weights(module), torch.cat([p.flatten() for p in model().parameters()]))


def test_the_loss_falls(tmp_path):
    _, logged = run(tmp_path, epochs=12)
    losses = [metrics["train/loss"] for _, metrics in logged if "train/loss" in metrics]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("layout", [{"micro_batch_tokens": 1}, {"packing": False}, {"micro_batch_tokens": 40}])
def test_accumulation_and_packing_change_nothing_but_rounding(tmp_path, layout):
    one, logged_one = run(tmp_path / "one", dropout=0.0)
    other, logged_other = run(tmp_path / "other", dropout=0.0, **layout)
    assert [step for step, _ in logged_one] == [step for step, _ in logged_other]
    torch.testing.assert_close(weights(one), weights(other), rtol=1e-3, atol=2e-4)


class Killed(Exception):
    pass


@pytest.mark.parametrize("micro_batch_tokens", [4096, 30])
@pytest.mark.parametrize("killed_at", [5, 7])
def test_a_resumed_run_ends_bit_for_bit_like_an_undisturbed_one(tmp_path, killed_at, micro_batch_tokens):
    undisturbed, logged = run(tmp_path / "a", micro_batch_tokens=micro_batch_tokens)

    def kill(metrics, step):
        if step == killed_at:
            raise Killed

    section = trainer_section(checkpoint_every_steps=3)
    with pytest.raises(Killed):
        run(tmp_path / "b", section=section, sink=kill, micro_batch_tokens=micro_batch_tokens)
    resumed, logged_again = run(tmp_path / "b", section=section, micro_batch_tokens=micro_batch_tokens)
    steps = [step for step, metrics in logged_again if "train/loss" in metrics]
    assert 1 < steps[0] <= killed_at and steps[-1] == 12
    assert torch.equal(weights(resumed), weights(undisturbed))
    timeless = [
        (step, {k: v for k, v in metrics.items() if k != "train/tokens_per_second"}) for step, metrics in logged
    ]
    again = [
        (step, {k: v for k, v in metrics.items() if k != "train/tokens_per_second"}) for step, metrics in logged_again
    ]
    assert again == timeless[-len(again) :]


def test_the_same_training_twice_is_bit_identical(tmp_path):
    one, _ = run(tmp_path / "one")
    two, _ = run(tmp_path / "two")
    assert torch.equal(weights(one), weights(two))


def test_another_seed_drops_other_units(tmp_path):
    one, other, without, again = (
        weights(run(tmp_path / str(i), n=10, epochs=1, seed=seed, dropout=dropout)[0])
        for i, (seed, dropout) in enumerate([(0, 0.1), (1, 0.1), (0, 0.0), (1, 0.0)])
    )
    assert torch.equal(without, again)
    assert not torch.equal(one, other)


def test_a_diverging_run_says_at_which_step(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"training diverged: .* at optimiser step \d+ of 12 .*recipe\.lr"):
        run(tmp_path, lr=1e30, grad_clip=1e30)


def until(**changes):
    fields = {"checks": [2, 3, 5, 8, 13, 21, 34], "patience": 1.5, "averaging": 0.2}
    return Validation(**(fields | changes))


def overfit(work, validation, sink=lambda metrics, step: None, checkpoint_every_steps=1000, world_size=1):
    """Two examples, learnt by heart, and validation on others: its loss rises in the end."""
    plan = StepPlan(2, 2, 40, seed=0)
    data = FinetuneData(EXAMPLES[:2], EXAMPLES[20:], plan, Layout(True, 4096), world_size)
    module = CausalLM(model(), optimisation(len(plan), schedule="constant"))
    section = trainer_section(checkpoint_every_steps=checkpoint_every_steps)
    trainer = fit(module, data, section, validation, work=work, sink=sink)
    return module, trainer


def val_loss(module):
    (part,) = FinetuneData(EXAMPLES[:2], EXAMPLES[20:], StepPlan(2, 2, 1, 0), Layout(True, 4096)).val_passes()
    module.eval()
    with torch.no_grad():
        loss, tokens = module.validation_step(part, 0).sum(1).tolist()
    return loss / tokens


def test_training_ends_when_validation_loss_has_stopped_falling_and_leaves_the_best_average(tmp_path):
    validation = until()
    module, trainer = overfit(tmp_path, validation)
    losses = dict(validation.curve)
    assert validation.best_step == min(losses, key=losses.get) < max(losses)
    assert trainer.global_step == max(losses) < 40
    assert trainer.global_step >= 1.5 * validation.best_step
    assert val_loss(module) == pytest.approx(losses[validation.best_step], rel=1e-5)


def test_training_of_a_fixed_length_leaves_the_average(tmp_path):
    validation = until(checks=[40], patience=None)
    module, trainer = overfit(tmp_path, validation)
    assert trainer.global_step == 40 and validation.best_step == 0
    assert val_loss(module) == pytest.approx(validation.curve[0][1], rel=1e-5)


def spent(work, checkpoint_every_steps=3):
    """The end of `overfit` as bytes that two trainings can be compared by."""
    validation = until()
    module, trainer = overfit(work, validation, checkpoint_every_steps=checkpoint_every_steps)
    return weights(module).numpy().tobytes(), validation.curve, validation.best_step, trainer.global_step


def overfit_until_killed(work, killed_at):
    overfit(work, until(), lambda metrics, step: step < killed_at or os.kill(os.getpid(), SIGKILL), 3)


@pytest.mark.parametrize("killed_at", [4, 9, 14])
def test_training_until_convergence_goes_on_after_sigkill_to_the_same_weights(tmp_path, killed_at):
    # Its memory is lost with the process: what goes on is what lies on the disk.
    process = multiprocessing.get_context("spawn").Process(
        target=overfit_until_killed, args=(tmp_path / "killed", killed_at)
    )
    process.start()
    process.join()
    assert process.exitcode == -SIGKILL
    assert spent(tmp_path / "killed") == spent(tmp_path / "undisturbed")


def test_ended_training_whose_process_was_killed_before_its_export_ends_there_again(tmp_path):
    first = spent(tmp_path, checkpoint_every_steps=1)
    steps = []
    validation = until()
    module, trainer = overfit(tmp_path, validation, lambda metrics, step: steps.append(step), checkpoint_every_steps=1)
    assert (weights(module).numpy().tobytes(), validation.curve, validation.best_step, trainer.global_step) == first
    assert steps == []


def test_falls_within_the_noise_of_the_validation_examples_do_not_prolong_training(tmp_path):
    every, clear = until(), until(standard_errors=1e6)
    _, longer = overfit(tmp_path / "every", every)
    _, shorter = overfit(tmp_path / "clear", clear)
    assert every.clear_step == every.best_step > 3
    assert (clear.clear_step, shorter.global_step) == (2, 3) and longer.global_step > 3
    assert clear.best_step == 3  # the least is kept, clear or not


def test_a_fall_is_clear_by_the_errors_of_its_difference_alone():
    """Examples differ by far more than the fall, which is the same for each: only its own spread counts."""
    validation = until(standard_errors=2)
    tokens = torch.full((50,), 4.0)
    before = torch.linspace(0, 400, 50)
    spread = torch.tensor([0.5, 1.5]).repeat(25)
    validation._clear = before + spread
    assert validation._clearly_fell(before, tokens)
    validation._clear = before + 10 * (spread - 0.95)
    assert not validation._clearly_fell(before, tokens)
