"""Two finetuned models judged against each other, for real."""

import pytest

from src.benchmarks.benchmark import Example
from src.config.prefer import PreferConfig
from src.tasks.finetune import finetune
from src.tasks.prefer import prefer
from src.tracking.query import points, predictions
from src.tracking.store import open_store


@pytest.fixture
def preference(toy):
    class Chatter(toy.benchmark):
        name: str = "chatter"

        def pool(self):
            return [Example(f"tell me {i}", "la la la", "la") for i in range(30)]

    def configure(**changes):
        config = toy(n_examples=30, recipe={"epochs": None, "steps": 30, "lr": 3e-3})
        sections = {field: getattr(config, field) for field in type(config).model_fields} | {"against": Chatter()}
        judge = {"kind": "likelihood", "model": config.model, "margin": 0.0}
        return PreferConfig(**sections | {"judge": judge} | changes)

    return configure


def preference_runs(store):
    experiment = store.client.get_experiment_by_name("toy").experiment_id
    return store.client.search_runs([experiment], filter_string="tags.`fathom.kind` = 'preference'")


def test_both_points_are_run_and_their_completions_judged(preference):
    config = preference()
    prefer(config)
    store = open_store(None, config.tracking.root)
    on_task, on_chatter = sorted(points(store, "toy"), key=lambda record: "train_on" in record.params)
    assert "train_on" not in on_task.params
    assert on_chatter.params["train_on"] == "chatter"
    (run,) = preference_runs(store)
    metrics = run.data.metrics
    assert metrics["preference/accuracy"] == on_task.metrics["eval/accuracy"]
    assert metrics["preference/accuracy_against"] == on_chatter.metrics["eval/accuracy"]
    assert metrics["preference/n_pairs"] == 10
    verdicts = predictions(store, run.info.run_id, "verdicts")
    assert [row["a"] for row in verdicts] == [row["completion"] for row in predictions(store, on_task.run_id)]
    assert [row["b"] for row in verdicts] == [row["completion"] for row in predictions(store, on_chatter.run_id)]
    assert run.data.params["against"] == "chatter"
    assert run.data.params["judge.kind"] == "likelihood"

    prefer(config)
    assert len(preference_runs(store)) == 1
    assert len(points(store, "toy")) == 2


def test_a_point_of_a_sweep_is_not_run_again_and_another_judge_is_another_run(preference, toy):
    finetune(toy(n_examples=30, recipe={"epochs": None, "steps": 30, "lr": 3e-3}))
    config = preference()
    store = open_store(None, config.tracking.root)
    (before,) = points(store, "toy")
    prefer(config)
    assert before.run_id in {record.run_id for record in points(store, "toy")}
    assert len(points(store, "toy")) == 2
    prefer(preference(judge={"kind": "likelihood", "model": config.model, "margin": 5.0}))
    assert len(preference_runs(store)) == 2
    assert {run.data.metrics["preference/tie_share"] for run in preference_runs(store)} > {1.0}


def test_a_local_model_that_names_no_verdict_is_invalid(preference, toy):
    config = preference(judge={"kind": "local", "model": toy().model, "max_new_tokens": 4})
    prefer(config)
    (run,) = preference_runs(open_store(None, config.tracking.root))
    assert run.data.metrics["preference/invalid_share"] == 1
