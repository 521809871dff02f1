"""Trials of a point: until convergence, over learning rates, over folds; what the point then says of its training."""

import gc

import pytest
import torch
from lightning import Trainer
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import src.modules.causal_lm as causal_lm
import src.points.train as points_train
import src.tasks.finetune as task
from src.config.model import HubModel
from src.errors import FathomError
from src.evaluation.completions import complete
from src.generation.nll import answer_nll
from src.models.loss import token_nll
from src.models.out_of_memory import OutOfMemory
from src.models.prompt import PromptFormat
from src.modules.causal_lm import TrainingDiverged
from src.points.base import Base
from src.points.draw import draw, training_data
from src.points.export import export, load_export
from src.points.point import identify
from src.points.start import Start
from src.tasks.finetune import finetune
from src.tracking.query import points
from src.tracking.store import open_store

UNTIL = {"first_check": 4, "check_growth": 1.5, "patience": 1.5, "standard_errors": 0, "max_steps": 60}
CONVERGED = {
    "epochs": None,
    "until": UNTIL,
    "schedule": "constant",
    "warmup_steps": 3,
    "averaging": 0.2,
    "lr": 1e-2,
    "val_examples": 12,
}


def run(config):
    finetune(config)
    store = open_store(config.tracking.uri, config.tracking.root)
    (record,) = [p for p in points(store, config.study) if p.key == identify(config).key]
    return record.metrics, store.client.get_metric_history(record.run_id, "val/loss")


def curve_of(history):
    return {entry.step: entry.value for entry in history}


def scientific(metrics):
    return {k: v for k, v in metrics.items() if not k.startswith(("time/", "system/")) and "tokens_per_second" not in k}


def test_a_converged_point_says_how_it_was_trained(toy):
    metrics, history = run(toy(n_examples=16, recipe=CONVERGED))
    curve = curve_of(history)
    assert set(curve) <= set(toy(recipe=CONVERGED).recipe.until.checks)
    assert metrics["train/optimizer_steps"] == metrics["train/best_step"] == min(curve, key=curve.get)
    assert metrics["val/best_loss"] == min(curve.values())
    assert metrics["train/total_steps"] == max(curve)
    assert metrics["train/epochs"] == metrics["train/optimizer_steps"] / 2  # 16 examples in batches of 8
    assert metrics["data/val_examples"] == 12
    assert metrics["train/bound_hit"] == 0
    assert metrics["train/total_steps"] < 60


def test_a_bound_that_ends_training_is_told(toy, caplog):
    metrics, _ = run(toy(n_examples=16, recipe={**CONVERGED, "until": {**UNTIL, "max_steps": 7}, "lr": 1e-3}))
    assert metrics["train/bound_hit"] == 1
    assert metrics["train/total_steps"] == 7
    assert "recipe.until.max_steps=7 ended training" in caplog.text


def test_a_search_keeps_the_learning_rate_with_the_least_validation_loss(toy):
    search = [1e-4, 1e-2]
    alone = {lr: run(toy(n_examples=16, recipe={**CONVERGED, "lr": lr})) for lr in search}
    metrics, history = run(toy(n_examples=16, recipe={**CONVERGED, "search": search}))
    best = min(search, key=lambda lr: min(curve_of(alone[lr][1]).values()))
    assert metrics["train/best_lr"] == best == 1e-2
    assert curve_of(history) == curve_of(alone[best][1])
    assert metrics["eval/nll"] == alone[best][0]["eval/nll"]
    assert metrics["train/total_steps"] == sum(alone[lr][0]["train/total_steps"] for lr in search)


@pytest.mark.parametrize("trials", [{}, {"validation": "k_fold", "folds": 2}])
def test_a_search_goes_no_lower_than_the_first_rate_that_is_worse(toy, trials):
    def steps(search):
        return run(toy(n_examples=16, recipe={**CONVERGED, **trials, "search": search}))[0]["train/total_steps"]

    assert steps([1e-5, 1e-4, 1e-2]) == steps([1e-4, 1e-2])


def test_beyond_its_largest_n_nothing_is_searched(toy):
    recipe = {**CONVERGED, "lr": 3e-3, "search": [1e-4, 1e-2], "search_up_to": 15}
    metrics, history = run(toy(n_examples=16, recipe=recipe))
    assert metrics["train/best_lr"] == 3e-3
    assert metrics["train/total_steps"] == max(curve_of(history))


def test_a_learning_rate_that_diverges_loses_the_search(toy, caplog):
    recipe = {**CONVERGED, "grad_clip": 1e30, "search": [1e30, 1e-2]}
    metrics, _ = run(toy(n_examples=16, recipe=recipe))
    assert metrics["train/best_lr"] == 1e-2
    assert "recipe.search: training diverged" in caplog.text
    with pytest.raises(TrainingDiverged):
        finetune(toy(n_examples=16, recipe={**recipe, "search": [1e30, 1e31]}))


def test_folds_take_no_example_but_the_n_and_train_all_of_them_as_long_as_the_folds_say(toy):
    metrics, history = run(toy(n_examples=15, recipe={**CONVERGED, "validation": "k_fold", "folds": 3}))
    curve = curve_of(history)
    assert metrics["data/val_examples"] == 0
    assert metrics["train/optimizer_steps"] == min(curve, key=curve.get)
    assert metrics["train/total_steps"] > 3 * metrics["train/optimizer_steps"]
    untrained, _ = run(toy(n_examples=0))
    assert metrics["eval/nll"] < untrained["eval/nll"]


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("trials", [{"search": [3e-3, 1e-2]}, {"validation": "k_fold", "folds": 2}])
def test_trials_that_had_ended_are_not_trained_again(toy, tmp_path, monkeypatch, trials):
    recipe = {**CONVERGED, **trials}
    undisturbed, _ = run(toy(root=tmp_path / "undisturbed", n_examples=16, recipe=recipe))
    config = toy(n_examples=16, recipe=recipe, trainer={"checkpoint_every_steps": 2})

    begun = []
    fit = points_train.fit

    def fit_once(*args, **keywords):
        begun.append(keywords["work"].name)
        if len(begun) == 2:
            raise Interrupted
        return fit(*args, **keywords)

    monkeypatch.setattr(points_train, "fit", fit_once)
    with pytest.raises(Interrupted):
        finetune(config)
    monkeypatch.setattr(points_train, "fit", lambda *args, **keywords: begun.append("again") or fit(*args, **keywords))
    metrics, _ = run(config)
    assert begun.count("again") == (1 if "search" in trials else 2)  # the second trial, and what the folds decided
    assert scientific(metrics) == scientific(undisturbed)


def test_what_is_said_of_training_survives_a_kill_after_its_last_step(toy, tmp_path, monkeypatch):
    config = toy(n_examples=16, recipe=CONVERGED)
    point = identify(config)
    drawn = draw(point, PromptFormat(point.base.tokenizer(), config.model.plain_prompt))

    def kill(metrics, step):
        if "train/total_steps" in metrics:
            raise Interrupted

    with pytest.raises(Interrupted):
        points_train.train(point, Start(point.base, None), drawn, tmp_path, kill)
    assert not (tmp_path / "export").exists()
    monkeypatch.setattr(points_train, "fit", None)
    logged = {}
    points_train.train(point, Start(point.base, None), drawn, tmp_path, lambda metrics, step: logged.update(metrics))
    assert logged["train/total_steps"] > logged["train/best_step"] > 0
    assert (tmp_path / "export" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("optimizer", "dtype"), [("adamw_bf16_stochastic", torch.bfloat16), ("adamw_8bit", torch.float32)]
)
def test_every_optimiser_goes_on_from_its_checkpoint_to_the_same_weights(toy, tmp_path, optimizer, dtype):
    recipe = {**CONVERGED, "optimizer": optimizer}
    config = toy(n_examples=16, recipe=recipe, trainer={"checkpoint_every_steps": 3})
    point = identify(config)
    drawn = draw(point, PromptFormat(point.base.tokenizer(), config.model.plain_prompt))

    def weights(work, sink=lambda metrics, step: None):
        points_train.train(point, Start(point.base, None), drawn, work, sink)
        return (work / "export" / "model.safetensors").read_bytes()

    def kill(metrics, step):
        if step >= 8:
            raise Interrupted

    undisturbed = weights(tmp_path / "undisturbed")
    with pytest.raises(Interrupted):
        weights(tmp_path / "killed", kill)
    assert list((tmp_path / "killed").rglob("*.ckpt"))
    assert weights(tmp_path / "killed") == undisturbed
    kept = load_file(tmp_path / "killed/export/model.safetensors")
    assert {values.dtype for values in kept.values()} == {dtype}


ADAPTERS = {"r": 4, "alpha": 8, "dropout": 0.1, "target_modules": ["q_proj", "down_proj"], "lr": 2e-2}


def test_qlora_goes_on_after_a_kill_and_is_evaluated_with_the_weights_it_was_trained_on(toy, tmp_path):
    recipe = {"epochs": 6, "averaging": 0.0, "lr": 1e-9}
    section = {"checkpoint_every_steps": 3}
    config = toy(n_examples=16, method={"name": "qlora", **ADAPTERS}, recipe=recipe, trainer=section)
    point = identify(config)
    assert point.params["recipe.learning_rates"] == [2e-2]
    prompts = PromptFormat(point.base.tokenizer(), config.model.plain_prompt)
    start, drawn = Start(point.base, None), draw(point, prompts)
    logged = {}

    def kill(metrics, step):
        if step == 8:
            raise Interrupted

    points_train.train(point, start, drawn, tmp_path / "undisturbed", lambda metrics, step: logged.update(metrics))
    with pytest.raises(Interrupted):
        points_train.train(point, start, drawn, tmp_path / "killed", kill)
    (checkpoint,) = (tmp_path / "killed/once").glob("*.ckpt")
    assert all("lora_" in name for name in torch.load(checkpoint, weights_only=False)["state_dict"])
    points_train.train(point, start, drawn, tmp_path / "killed", lambda metrics, step: None)
    exports = [tmp_path / name / "export/adapter_model.safetensors" for name in ("undisturbed", "killed")]
    assert exports[0].read_bytes() == exports[1].read_bytes()

    model, _ = load_export(start.load, tmp_path / "killed/export", "float32", start.reading)
    losses = answer_nll(model, [(e.prompt, e.answer) for e in drawn.val], 4096)
    loss = sum(loss for loss, _ in losses) / sum(tokens for _, tokens in losses)
    assert loss == pytest.approx(logged["val/loss"], rel=1e-4)
    untrained = answer_nll(start.load()[0], [(e.prompt, e.answer) for e in drawn.val], 4096)
    assert loss < 0.9 * sum(loss for loss, _ in untrained) / sum(tokens for _, tokens in untrained)


@pytest.mark.parametrize("method", [{"name": "full"}, {"name": "lora", **ADAPTERS}], ids=lambda of: of["name"])
def test_plain_transformers_reads_from_an_export_what_was_trained(toy, tmp_path, monkeypatch, method):
    config = toy(n_examples=8, method=method)
    point = identify(config)
    start = Start(point.base, None)
    drawn = draw(point, PromptFormat(point.base.tokenizer(), config.model.plain_prompt))
    ids = torch.tensor([drawn.train[0].prompt + drawn.train[0].answer])
    trained = []

    def logits(model):
        with torch.no_grad():
            return model.eval()(input_ids=ids).logits

    def watched(trainer, tokenizer, directory):
        trained.append(logits(trainer.lightning_module.model))
        export(trainer, tokenizer, directory)

    monkeypatch.setattr(points_train, "export", watched)
    points_train.train(point, start, drawn, tmp_path, lambda metrics, step: None)
    base, _ = start.load()
    assert (logits(base) - trained[0]).abs().max() > 1e-3
    if method["name"] == "lora":
        assert torch.equal(logits(PeftModel.from_pretrained(base, tmp_path / "export")), trained[0])
        return
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "export", dtype=torch.float32)
    assert torch.equal(logits(plain), trained[0])

    hub = HubModel.model_construct(init="pretrained", attn_implementation="eager", trust_remote_code=False)
    again = Start(Base(hub, tmp_path / "export", "digest"), tmp_path / "export")
    assert again.load()[0].config._attn_implementation == again.skeleton().config._attn_implementation == "eager"


@pytest.fixture
def little_memory(monkeypatch):
    """little_memory(tokens): a forward pass over more of them fails from the second optimiser step on."""

    def limit(tokens, passes_before=6):
        sizes = []

        def run_out(model, input_ids, *rest):
            sizes.append(input_ids.numel())
            if len(sizes) > passes_before and input_ids.numel() > tokens and model.training:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has …")
            return token_nll(model, input_ids, *rest)

        monkeypatch.setattr(causal_lm, "token_nll", run_out)
        return sizes

    return limit


def trained_weights(work):
    return torch.cat([value.flatten() for _, value in sorted(load_file(work / "export/model.safetensors").items())])


def test_where_memory_runs_out_passes_are_halved_and_training_goes_on_to_the_same_weights(
    toy, tmp_path, caplog, little_memory
):
    config = toy(
        n_examples=24,
        recipe={"epochs": 5, "batch_size": 12, "val_examples": 0, "grad_clip": 1e3},
        trainer={"micro_batch_tokens": 512, "checkpoint_every_steps": 2},
    )
    point = identify(config)
    start, drawn = Start(point.base, None), draw(point, PromptFormat(point.base.tokenizer(), "{prompt} "))
    assert training_data(point.config, drawn.train, []).passes_per_step == 1
    points_train.train(point, start, drawn, tmp_path / "plenty", lambda metrics, step: None)
    sizes = little_memory(60)
    logged = []
    points_train.train(point, start, drawn, tmp_path / "little", lambda metrics, step: logged.append((metrics, step)))
    assert max(sizes[-8:]) <= 60
    halved = [metrics["train/micro_batch_tokens"] for metrics, _ in logged if "train/micro_batch_tokens" in metrics]
    assert halved == [256, 128, 64][: len(halved)] and len(halved) > 1
    assert f"going on with trainer.micro_batch_tokens={halved[0]:.0f}" in caplog.text
    steps = [step for metrics, step in logged if "train/loss" in metrics]
    assert steps.count(1) == 1 and steps[-1] == 10  # gone on from a checkpoint, not from the start
    little, plenty = (trained_weights(tmp_path / name) for name in ("little", "plenty"))
    torch.testing.assert_close(little, plenty, atol=2e-4, rtol=0)


def test_where_a_single_example_is_too_much_the_sentence_says_what_to_change(toy, little_memory):
    little_memory(1, passes_before=0)
    sentence = (
        r"memory ran out while training .* with trainer.micro_batch_tokens=\d+ \(2.50 GiB more\): lower it, .*lora"
    )
    with pytest.raises(OutOfMemory, match=sentence):
        finetune(toy())


def test_while_a_model_is_evaluated_nothing_of_its_training_is_in_memory(toy, monkeypatch):
    def alive():
        kinds = (causal_lm.CausalLM, torch.optim.Optimizer, Trainer)
        return [type(o).__name__ for o in gc.get_objects() if isinstance(o, kinds)]

    gc.collect()
    before, seen = len(alive()), []
    gc.disable()  # what is freed is freed by the project
    monkeypatch.setattr(task, "complete", lambda *arguments: seen.append(len(alive())) or complete(*arguments))
    try:
        finetune(toy(n_examples=16, recipe=CONVERGED))
    finally:
        gc.enable()
    assert seen == [before]


def test_a_pool_that_is_used_up_leaves_nothing_to_validate_on(toy):
    with pytest.raises(
        FathomError, match=r"n_examples: 60 leave nothing of the pool of echo .* recipe.validation=k_fold"
    ):
        finetune(toy(n_examples=60, recipe=CONVERGED))


def test_fewer_examples_than_folds_are_refused(toy):
    with pytest.raises(FathomError, match=r"recipe.folds: 5 folds need as many examples, n_examples is 3"):
        finetune(toy(n_examples=3, recipe={**CONVERGED, "validation": "k_fold"}))
