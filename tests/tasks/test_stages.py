"""What of a point is done again when some of it changes: scoring alone, answering too, or all of it."""

from shutil import copytree, ignore_patterns

import pytest

import src.tasks.finetune as task
from src.points import code_identity
from src.points.point import identify
from src.study.curves import curves_of
from src.tasks.finetune import finetune
from src.tracking.query import points, predictions
from src.tracking.store import open_store


@pytest.fixture
def done(monkeypatch):
    """The stages that were gone through, in order."""
    stages = []
    train, complete = task.train, task.complete

    def training(*args, **keywords):
        stages.append("trained")
        return train(*args, **keywords)

    def completing(*args):
        stages.append(f"answered {args[2].name}")
        return complete(*args)

    monkeypatch.setattr(task, "train", training)
    monkeypatch.setattr(task, "complete", completing)
    return stages


def run(config):
    """Run the point; its record and its tags."""
    finetune(config)
    store = open_store(None, config.tracking.root)
    (record,) = [p for p in points(store, config.study) if p.key == identify(config).key]
    return record, store.client.get_run(record.run_id).data.tags


def scientific(record):
    return {k: v for k, v in record.metrics.items() if not k.startswith(("time/", "system/"))}


@pytest.fixture
def strict(toy):
    """The toy benchmark with a choice of what a right answer is worth."""

    class Graded(toy.benchmark):
        worth: float = 1.0

        def score(self, example, completion):
            verdict = super().score(example, completion)
            return type(verdict)(self.worth * 0.5, verdict.extracted, verdict.error)

    return Graded


def test_another_scorer_scores_what_was_answered(toy, done, strict):
    config = toy(benchmark=strict(), save="none")
    before, _ = run(config)
    done.clear()
    after, tags = run(toy(benchmark=strict(worth=0.5), save="none"))
    assert done == []
    assert tags["fathom.completions_of"] == before.run_id
    assert (before.metrics["eval/accuracy"], after.metrics["eval/accuracy"]) == (0.5, 0.25)
    scored = ("eval/accuracy", "eval/chance")
    alike = {k: v for k, v in scientific(before).items() if not k.startswith(scored)}
    assert alike == {k: v for k, v in scientific(after).items() if not k.startswith(scored)}
    assert "train/optimizer_steps" in alike and "val/loss" in alike and "model/parameters" in alike
    store = open_store(None, config.tracking.root)
    texts, again = ([row["completion"] for row in predictions(store, of.run_id)] for of in (before, after))
    assert texts == again
    assert not list((config.tracking.root / "work").iterdir())

    # The run that was scored again has all that it takes to do it once more.
    store.client.delete_run(before.run_id)
    _, tags = run(toy(benchmark=strict(worth=0.1), save="none"))
    assert done == []
    assert tags["fathom.completions_of"] == after.run_id


def test_another_generation_answers_again_with_the_weights_that_were_kept(toy, done):
    before, _ = run(toy(n_examples=3))
    after, tags = run(toy(n_examples=3, generation={"name": "hf"}))
    assert done == ["trained", "answered echo", "answered echo"]
    assert tags["fathom.weights_of"] == before.run_id
    assert scientific(after) == scientific(before)
    store = open_store(None, toy().tracking.root)
    assert not store.client.list_artifacts(after.run_id, "model")

    # Weights are found through those that took them.
    run(toy(n_examples=3, benchmark=toy.benchmark(max_new_tokens=5), generation={"name": "hf"}))
    assert done.count("trained") == 1


def test_weights_that_were_not_kept_are_trained_again_with_a_word_about_it(toy, done, caplog):
    before, _ = run(toy(n_examples=3, save="none"))
    after, _ = run(toy(n_examples=3, generation={"name": "hf"}, save="none"))
    assert done.count("trained") == 2
    assert f"run {before.run_id} has trained these weights but did not keep them" in caplog.text
    assert {k: v for k, v in scientific(after).items() if "per_second" not in k} == {
        k: v for k, v in scientific(before).items() if "per_second" not in k
    }


def test_a_further_benchmark_is_all_that_is_answered(toy, done):
    other = toy.benchmark(name="other", test_limit=4)
    run(toy(n_examples=3))
    done.clear()
    record, _ = run(toy(n_examples=3, also={"other": other}))
    assert done == ["answered other"]
    assert record.metrics["also/other/n_items"] == 4


def test_changed_scoring_code_makes_a_generation_of_the_curve_in_which_nothing_is_trained(
    toy, done, tmp_path, monkeypatch
):
    sizes = [0, 3]
    for n in sizes:
        run(toy(n_examples=n))
    done.clear()
    copytree(code_identity.ROOT / "src", tmp_path / "src", ignore=ignore_patterns("__pycache__"))
    with (tmp_path / "src/evaluation/scoring.py").open("a") as file:
        file.write("\n_edited = 1\n")
    monkeypatch.setattr(code_identity, "ROOT", tmp_path)
    # Random bases are known by the code that draws them, by its place in no way.
    for n in sizes:
        run(toy(n_examples=n))
    assert done == []
    records = points(open_store(None, toy().tracking.root), "toy")
    (curve,), left_out = curves_of(records)[0].values(), curves_of(records)[1]
    assert (len(records), [point.n_examples for point in curve], left_out) == (4, sizes, 2)
    assert len({point.params["digest.code"] for point in curve}) == 1


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("changed", [False, True], ids=["same command", "another scorer meanwhile"])
@pytest.mark.parametrize("stage", ["complete", "score"])
def test_a_point_that_was_interrupted_goes_on_with_what_it_had(toy, tmp_path, monkeypatch, strict, stage, changed):
    def interrupt(*args):
        raise Interrupted

    then = strict(worth=0.5 if changed else 1.0)
    undisturbed, _ = run(toy(root=tmp_path / "undisturbed", benchmark=then))
    monkeypatch.setattr(task, stage, interrupt)
    with pytest.raises(Interrupted):
        finetune(toy(benchmark=strict()))
    monkeypatch.undo()
    monkeypatch.setattr("src.points.train.fit", None)
    if stage == "score":
        monkeypatch.setattr(task, "complete", None)
    record, tags = run(toy(benchmark=then))
    histories = {"train/loss", "train/lr", "train/grad_norm", "train/tokens_per_second", "val/loss"}
    assert {k: v for k, v in scientific(record).items() if k not in histories} == {
        k: v for k, v in scientific(undisturbed).items() if k not in histories
    }
    assert "fathom.completions_of" not in tags
