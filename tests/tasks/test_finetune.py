"""One point, for real: a tiny random base, a toy benchmark, SQLite, no network."""

from pathlib import Path

import pytest

from src.benchmarks.benchmark import BadData, StandardPrompt
from src.benchmarks.gsm8k import Gsm8k
from src.errors import FathomError
from src.modules.causal_lm import TrainingDiverged
from src.points.point import identify
from src.study.curves import curves_of
from src.tasks.finetune import finetune
from src.tracking.query import points, predictions
from src.tracking.store import open_store

METRICS = {
    "eval/accuracy",
    "eval/accuracy_stderr",
    "eval/accuracy_lenient",
    "eval/accuracy_lenient_stderr",
    "eval/nll",
    "eval/format_error_rate",
    "eval/reasoning_error_rate",
    "eval/n_items",
    "train/loss",
    "train/lr",
    "train/grad_norm",
    "train/tokens_per_second",
    "train/optimizer_steps",
    "train/answer_tokens",
    "val/loss",
}


def store_of(config):
    return open_store(config.tracking.uri, config.tracking.root)


def run(config):
    """Run the point; its record and its MLflow run."""
    finetune(config)
    (record,) = [p for p in points(store_of(config), config.study) if p.key == identify(config).key]
    return record, store_of(config).client.get_run(record.run_id)


def scientific(record):
    return {k: v for k, v in record.metrics.items() if not k.startswith("time/") and k != "train/tokens_per_second"}


def test_a_point_leaves_everything_in_mlflow(toy):
    config = toy()
    record, mlflow_run = run(config)
    assert set(record.metrics) >= METRICS
    assert record.metrics["train/optimizer_steps"] == 4  # 2 epochs of 10 examples in batches of 8
    assert record.metrics["eval/n_items"] == 10
    assert 1e5 < record.metrics["model/parameters"] < 1e6
    m = record.metrics
    assert m["eval/accuracy"] + m["eval/format_error_rate"] + m["eval/reasoning_error_rate"] == pytest.approx(1)
    assert (record.model, record.benchmark, record.n_examples, record.seed) == ("tiny_llama3-s", "echo", 10, 0)
    assert mlflow_run.info.run_name == "tiny_llama3-s · echo · n=10 · seed=0"
    assert mlflow_run.info.status == "FINISHED"
    assert mlflow_run.data.tags["fathom.complete"] == "true"
    assert {i.dataset.name for i in mlflow_run.inputs.dataset_inputs} == {"echo pool", "echo test"}
    artifacts = {a.path for a in store_of(config).client.list_artifacts(record.run_id)}
    assert artifacts == {"completions", "config.json", "items.safetensors", "model", "predictions.json"}
    rows = predictions(store_of(config), record.run_id)
    assert [row["gold"] for row in rows] == [example.gold for example in config.benchmark.test()]
    assert set(rows[0]) >= {"prompt", "completion", "extracted", "score", "error", "nll"}
    assert m["eval/nll"] == pytest.approx(sum(r["nll"] for r in rows) / sum(r["answer_tokens"] for r in rows))
    assert not (config.tracking.root / "work" / record.key).exists()


def test_the_base_is_asked_in_the_standard_way_too(toy):
    class Asked(toy.benchmark):
        def standard(self):
            return StandardPrompt(lambda example: example.prompt, (), self.score_all)

    base, _ = run(toy(n_examples=0, benchmark=Asked()))
    assert {"eval/standard_accuracy", "eval/standard_accuracy_stderr", "eval/accuracy"} <= base.metrics.keys()
    store = store_of(toy())
    assert "predictions_standard.json" in {a.path for a in store.client.list_artifacts(base.run_id)}
    trained, _ = run(toy(n_examples=10, benchmark=Asked()))
    assert "eval/standard_accuracy" not in trained.metrics


def test_the_base_is_measured_where_there_is_nothing_to_finetune_on(toy):
    class WithoutPool(toy.benchmark):
        def pool(self):
            raise BadData("there is nothing to finetune on.")

        def chance(self):
            return 0.0

    base, mlflow_run = run(toy(n_examples=0, benchmark=WithoutPool()))
    assert base.metrics["eval/n_items"] == 10
    assert {i.dataset.name for i in mlflow_run.inputs.dataset_inputs} == {"echo test"}
    with pytest.raises(BadData, match="nothing to finetune on"):
        finetune(toy(n_examples=1, benchmark=WithoutPool()))


def test_the_same_command_again_trains_nothing(toy):
    config = toy()
    first, before = run(config)
    again, after = run(config)
    assert again.run_id == first.run_id
    assert after.info.end_time == before.info.end_time
    assert again.metrics == first.metrics


def test_the_same_command_elsewhere_is_bit_identical(toy, tmp_path):
    one, _ = run(toy(root=tmp_path / "one"))
    two, _ = run(toy(root=tmp_path / "two"))
    assert one.key == two.key
    assert scientific(one) == scientific(two)


def test_training_learns_the_answers(toy):
    untrained, _ = run(toy(n_examples=0))
    trained, _ = run(toy(n_examples=40, recipe={"epochs": None, "steps": 40, "lr": 3e-3}))
    assert trained.metrics["eval/nll"] < 0.7 * untrained.metrics["eval/nll"]
    assert "train/loss" not in untrained.metrics


def test_what_changes_the_result_changes_the_key(toy):
    def key(**changes):
        return identify(toy(**changes)).key

    echo = toy.benchmark
    keys = [
        key(),
        key(seed=1),
        key(n_examples=11),
        key(recipe={"lr": 2e-3}),
        key(recipe={"packing": False}),
        key(method={"name": "lora", "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj"]}),
        key(trainer={"precision": "bf16-mixed"}),
        key(generation={"name": "hf"}),
        key(model={"size": "m"}),
        key(model={"family": "mistral"}),
        key(model={"plain_prompt": "Q: {prompt} A: "}),
        key(benchmark=echo(extra=1)),
        key(benchmark=echo(test_limit=3)),
        key(benchmark=echo(max_new_tokens=9)),
    ]
    assert len(set(keys)) == len(keys)


def test_what_is_cosmetic_leaves_the_key(toy, tmp_path):
    plain = identify(toy()).key
    assert plain == identify(toy(root=tmp_path / "elsewhere")).key
    assert plain == identify(toy(trainer={"progress_bar": True, "name": "x", "checkpoint_every_steps": 7})).key
    assert plain == identify(toy(log_level="debug")).key
    assert plain == identify(toy(tracking={"flush_seconds": 9.0}, save="none")).key
    assert plain == identify(toy(trainer={"precision": "32-true"})).key  # what auto means here


def test_the_weights_of_a_point_that_another_starts_from_are_kept_whatever_is_saved_of_that(toy):
    first = {"benchmark": toy.benchmark(), "n_examples": 4}
    assert identify(toy(first=first, save="none")).first.config.save == "auto"


def test_how_many_answers_go_in_a_batch_is_cosmetic(toy):
    def key(**generation):
        return identify(toy(generation=generation)).key

    sampled = {"name": "sampled", "samples": 2, "temperature": 1.0, "pass_at": [1], "seed": 0}
    assert key() == key(batch_tokens=64)
    assert key(**sampled) == key(**sampled, batch_tokens=64) != key(**sampled | {"seed": 1})


def test_the_base_is_measured_once_for_every_curve_that_begins_with_it(toy):
    lora = {"name": "lora", "r": 4, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj"]}
    curves = [{}, {"recipe": {"lr": 2e-3}}, {"method": lora, "seed": 1}, {"train_on": toy.benchmark(extra=1)}]
    for changes in curves:
        finetune(toy(n_examples=0, **changes))
        finetune(toy(n_examples=3, **changes))
    store = store_of(toy())
    records = points(store, "toy")
    assert [record.n_examples for record in records].count(0) == 1
    assert store.client.get_run(records[0].run_id).info.run_name == "tiny_llama3-s · echo · n=0"
    assert not {"seed", "method", "recipe", "recipe.lr", "train_on", "digest.pool"} & records[0].params.keys()
    found, left_out = curves_of(records)
    assert left_out == 0
    assert [[point.n_examples for point in of] for of in found.values()] == [[0, 3]] * 4
    assert {of[0].run_id for of in found.values()} == {records[0].run_id}
    for of in found.values():
        assert (of[0].method, of[0].recipe, of[0].params["recipe.lr"]) == (
            of[1].method,
            "toy",
            of[1].params["recipe.lr"],
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"size": "m"}},
        {"model": {"plain_prompt": "Q: {prompt} A: "}},
        {"generation": {"name": "hf"}},
        {"trainer": {"precision": "bf16-mixed"}},
        {"study": "another"},
        {"first": 4},
    ],
    ids=str,
)
def test_what_changes_what_the_base_answers_makes_another_point_of_it(toy, changes):
    if "first" in changes:
        changes = {"first": {"benchmark": toy.benchmark(), "n_examples": 4}}
    assert identify(toy(n_examples=0, **changes)).key != identify(toy(n_examples=0)).key


def test_a_pretrained_base_is_made_once_and_its_weights_are_part_of_the_key(toy):
    config = toy(model={"init": "pretrained"})
    key = identify(config).key
    store = store_of(config)
    experiment = store.client.get_experiment_by_name("bases").experiment_id
    (made,) = store.client.search_runs([experiment])
    assert made.data.tags["fathom.kind"] == "pretrain"
    assert identify(config).key == key
    assert len(store.client.search_runs([experiment])) == 1

    (weights,) = (store.root / "bases").glob("*/model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert identify(config).key != key


def test_more_examples_than_the_pool_names_its_size(toy):
    with pytest.raises(FathomError, match="n_examples: 61 were asked for, but the pool of echo holds 60 examples"):
        finetune(toy(n_examples=61))


def test_examples_that_are_too_long_are_counted_out_before_n(toy):
    with pytest.raises(
        FathomError, match=r"of the 60 examples in the pool of echo only \d+ fit into recipe.max_length"
    ):
        finetune(toy(n_examples=60, recipe={"max_length": 12}))


def test_a_diverging_run_is_failed_with_its_reason_and_does_not_count(toy):
    config = toy(recipe={"lr": 1e30, "grad_clip": 1e30, "warmup_fraction": 0.0})
    with pytest.raises(TrainingDiverged):
        finetune(config)
    store = store_of(config)
    (failed,) = store.client.search_runs([store.client.get_experiment_by_name("toy").experiment_id])
    assert failed.info.status == "FAILED"
    assert failed.data.tags["fathom.failure"].startswith("training diverged: the gradient is")
    assert points(store, "toy") == []


class Interrupted(Exception):
    pass


def test_a_failed_point_is_gone_on_from_in_its_own_run(toy, tmp_path, monkeypatch):
    undisturbed, _ = run(toy(root=tmp_path / "undisturbed"))

    import src.tasks.finetune as task

    def interrupt(*args):
        raise Interrupted

    config = toy(trainer={"checkpoint_every_steps": 1})
    monkeypatch.setattr(task, "complete", interrupt)
    with pytest.raises(Interrupted):
        finetune(config)
    monkeypatch.undo()
    store = store_of(config)
    (interrupted,) = store.client.search_runs([store.client.get_experiment_by_name("toy").experiment_id])
    record, _ = run(config)
    assert record.run_id == interrupted.info.run_id
    assert scientific(record) == scientific(undisturbed)


def test_lora_trains_adapters_and_evaluates_them_merged(toy):
    lora = {"name": "lora", "r": 4, "alpha": 8, "dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}
    config = toy(method=lora, n_examples=30, recipe={"lr": 1e-2, "epochs": 8})
    record, _ = run(config)
    untrained, _ = run(toy(n_examples=0, method=lora))
    assert record.metrics["eval/nll"] < untrained.metrics["eval/nll"]
    store = store_of(config)
    kept = {a.path for a in store.client.list_artifacts(record.run_id, "model")}
    assert "model/adapter_model.safetensors" in kept


def test_the_first_step_can_be_looked_at(toy, capsys):
    finetune(toy(show="batch"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "Question: say" in shown
    assert "<|eos|>" in shown
    assert "answer tokens in this step" in shown


def test_a_changed_byte_in_a_data_file_changes_the_key(toy, tmp_path):
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_text(f'{{"question": "one and one ({name})?", "answer": "#### 2"}}\n')
    benchmark = Gsm8k(name="gsm8k", max_new_tokens=8, path=tmp_path)
    before = identify(toy(benchmark=benchmark, n_examples=1)).key
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
        after = identify(toy(benchmark=benchmark, n_examples=1)).key
        assert after != before
        before = after


def test_bfloat16_trains_and_evaluates_in_it(toy):
    record, _ = run(
        toy(n_examples=40, trainer={"precision": "bf16-mixed"}, recipe={"steps": 40, "epochs": None, "lr": 3e-3})
    )
    untrained, _ = run(toy(n_examples=0, trainer={"precision": "bf16-mixed"}))
    exact, _ = run(toy(n_examples=0))
    assert record.metrics["eval/nll"] < 0.7 * untrained.metrics["eval/nll"]
    assert untrained.metrics["eval/nll"] == pytest.approx(exact.metrics["eval/nll"], rel=0.01)
    assert untrained.metrics["eval/nll"] != exact.metrics["eval/nll"]


def test_where_files_lie_and_what_code_is_kept_in_leave_the_key_and_the_params(toy, tmp_path):
    class FromFile(toy.benchmark):
        path: Path | None = None
        sandbox: str = "bubblewrap"

    plain = identify(toy(benchmark=FromFile()))
    moved = identify(toy(benchmark=FromFile(path=tmp_path, sandbox="limits_only")))
    assert moved.key == plain.key
    assert moved.params == plain.params
