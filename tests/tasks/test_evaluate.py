"""Evaluating a base, and the weights that a finetuning run kept."""

import pytest

from src.config.eval import EvalConfig
from src.config.generation import Greedy
from src.errors import FathomError
from src.tasks.evaluate import evaluate
from src.tasks.finetune import finetune
from src.tracking.query import points
from src.tracking.store import open_store

OTHERWISE = Greedy(name="hf", batch_tokens=4096)  # another engine: what a point answered is not taken for it


def evaluation(config, **changes):
    sections = {
        name: getattr(config, name)
        for name in ("study", "model", "benchmark", "trainer", "generation", "tracking", "log_level")
    }
    return EvalConfig(**(sections | {"run_id": None} | changes))


def evaluated(config):
    store = open_store(None, config.tracking.root)
    experiment = store.client.get_experiment_by_name(config.study).experiment_id
    return store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'evaluate'")


@pytest.mark.parametrize(
    ("method", "save", "file"),
    [
        ("full", "auto", "model"),
        ("lora", "adapter", "adapter_model"),
        ("qlora", "auto", "adapter_model"),
        ("qlora", "full", "model"),
    ],
)
def test_kept_weights_evaluate_to_the_numbers_of_their_point(toy, method, save, file):
    adapters = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj"]} if method != "full" else {}
    first = {"benchmark": toy.benchmark(), "n_examples": 0}
    config = toy(method={"name": method, **adapters}, save=save, recipe={"lr": 1e-2}, first=first)
    finetune(config)
    (record,) = points(open_store(None, config.tracking.root), "toy")
    evaluate(evaluation(config, run_id=record.run_id, generation=OTHERWISE))
    evaluate(evaluation(config, run_id=record.run_id, generation=OTHERWISE))
    (run,) = evaluated(config)
    assert "fathom.completions_of" not in run.data.tags
    (weights,) = (config.tracking.root / "artifacts" / record.run_id / "artifacts" / "model").glob("*.safetensors")
    assert (weights.stem, weights.stat().st_nlink) == (file, 2)  # once on the disk: here and in exports/
    for metric in ("eval/accuracy", "eval/nll", "eval/format_error_rate"):
        assert run.data.metrics[metric] == record.metrics[metric]


LORA = {"name": "lora", "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}


@pytest.mark.parametrize("method", [{"name": "full"}, LORA], ids=["full", "lora"])
def test_weights_that_were_trained_after_a_first_point_evaluate_to_the_numbers_of_their_point(toy, method):
    first = {"benchmark": toy.benchmark(), "n_examples": 40}
    config = toy(method=method, first=first, recipe={"epochs": None, "steps": 20, "lr": 1e-2})
    finetune(config)
    store = open_store(None, config.tracking.root)
    (record,) = [p for p in points(store, "toy") if "first" in p.params]
    evaluate(evaluation(config, run_id=record.run_id, generation=OTHERWISE))
    (run,) = evaluated(config)
    assert run.data.metrics["eval/nll"] == record.metrics["eval/nll"]


def test_an_adapter_whose_first_point_is_gone_is_refused(toy):
    first = {"benchmark": toy.benchmark(), "n_examples": 4}
    config = toy(method=LORA, first=first)
    finetune(config)
    store = open_store(None, config.tracking.root)
    of_first, record = sorted(points(store, "toy"), key=lambda p: "first" in p.params)
    store.client.delete_run(of_first.run_id)
    with pytest.raises(FathomError, match=rf"{record.run_id} was trained after 4 echo, whose run is not in its study"):
        evaluate(evaluation(config, run_id=record.run_id, generation=OTHERWISE))


def test_a_base_evaluates_like_the_point_without_examples(toy):
    config = toy(n_examples=0)
    finetune(config)
    evaluate(evaluation(config, generation=OTHERWISE))
    (record,) = points(open_store(None, config.tracking.root), "toy")
    (run,) = evaluated(config)
    assert run.data.metrics["eval/nll"] == record.metrics["eval/nll"]


@pytest.mark.parametrize("n", [0, 3])
def test_what_a_run_answered_is_scored_again_without_its_weights(toy, monkeypatch, n):
    config = toy(n_examples=n, save="none")
    finetune(config)
    (record,) = points(open_store(None, config.tracking.root), "toy")
    monkeypatch.setattr("src.tasks.evaluate.complete", None)
    evaluate(evaluation(config, run_id=record.run_id))
    evaluate(evaluation(config, run_id=record.run_id, study="elsewhere"))
    for run in (*evaluated(config), *evaluated(config.model_copy(update={"study": "elsewhere"}))):
        assert run.data.metrics["eval/nll"] == record.metrics["eval/nll"]
        assert run.data.tags["fathom.completions_of"]
    assert not list((config.tracking.root / "work").iterdir())


def test_weights_that_were_not_kept_are_missed_in_a_sentence(toy):
    config = toy(n_examples=3, save="none")
    finetune(config)
    (record,) = points(open_store(None, config.tracking.root), "toy")
    with pytest.raises(FathomError, match=rf"run_id: {record.run_id} kept no weights"):
        evaluate(evaluation(config, run_id=record.run_id, generation=OTHERWISE))


def test_another_model_than_the_runs_is_refused(toy):
    config = toy()
    finetune(config)
    (record,) = points(open_store(None, config.tracking.root), "toy")
    other = toy(model={"family": "mistral", "name": "tiny_mistral"})
    with pytest.raises(FathomError, match="finetuned tiny_llama3-s, not tiny_mistral-s"):
        evaluate(evaluation(other, run_id=record.run_id))


def test_a_run_that_is_not_there_is_told_before_a_base_is_pretrained(toy):
    config = toy()
    model = config.model.model_copy(update={"init": "pretrained"})
    with pytest.raises(FathomError, match="run_id: there is no run nix"):
        evaluate(evaluation(config, model=model, run_id="nix"))
    assert not (config.tracking.root / "bases").exists()
