"""A run again, from what MLflow holds of it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from src.config.any_benchmark import construct_benchmark
from src.config.kept import kept
from src.config.rerun import RerunConfig
from src.entry import gather_overrides
from src.errors import FathomError
from src.points.point import identify
from src.tasks.evaluate import evaluate
from src.tasks.finetune import finetune
from src.tasks.rerun import KINDS, rerun
from src.tracking import tags as tag
from src.tracking.archive import export_study, import_study
from src.tracking.query import points
from src.tracking.runs import claim
from src.tracking.store import CONFIG, open_store
from tests.tasks.test_evaluate import LORA, evaluated, evaluation

ROOT = Path(__file__).parents[2]


def again(config, run_id, *overrides, **more):
    tracking = more.pop("tracking", config.tracking)
    given = {"run_id": run_id, "overrides": list(overrides), "tracking": tracking, "log_level": "info", "from": None}
    rerun(RerunConfig(**given | more))


def study(root, name="toy"):
    return points(open_store(None, root), name)


def scientific(record):
    """What of a point's metrics does not depend on the clock or the machine."""
    of_machine = ("time/", "second", "system/")
    return {name: value for name, value in record.metrics.items() if not any(part in name for part in of_machine)}


@pytest.fixture
def held(toy):
    """held(config, code=…): a run of kind finetune with the configuration, of which nothing else was computed."""

    def hold(config, **changes):
        store = open_store(None, config.tracking.root)
        point = identify(config)
        with claim(
            store, key=point.key, kind="finetune", study=config.study, name="held", params=point.params | changes
        ) as run:
            run.log_dict(kept(config), CONFIG)
            run.complete()
        return run.id

    return hold


@pytest.fixture
def asked(monkeypatch):
    """What would be finetuned, instead of finetuning it."""
    configs = []
    monkeypatch.setitem(KINDS, "finetune", KINDS["finetune"]._replace(task=configs.append))
    return configs


@pytest.mark.slow
def test_a_point_with_adapters_after_a_first_one_trains_to_the_same_bits_in_another_store(toy, tmp_path, caplog):
    config = toy(method=LORA, first={"benchmark": toy.benchmark(), "n_examples": 4}, recipe={"lr": 1e-2})
    finetune(config)
    (record,) = [p for p in study(config.tracking.root) if "first" in p.params]
    elsewhere = toy(root=tmp_path / "elsewhere").tracking
    again(config, record.run_id, "study=again", tracking=elsewhere, **{"from": str(config.tracking.root)})
    (other,) = [p for p in study(elsewhere.root, "again") if "first" in p.params]
    assert other.key != record.key
    assert scientific(other) == scientific(record)
    assert other.metrics["train/optimizer_steps"] > 0
    with caplog.at_level("INFO"):
        again(config, record.run_id)
    assert f"complete already, run {record.run_id}" in caplog.text
    assert "numbers may differ" not in caplog.text
    assert len(study(config.tracking.root)) == 2


def test_overrides_change_what_the_run_had(toy, held, asked):
    config = toy(n_examples=3, model={"plain_prompt": "for ${x}: {prompt}\n"})
    again(config, held(config), "seed=1", "recipe.lr=5e-3", "study=again")
    (changed,) = asked
    assert (changed.seed, changed.recipe.lr, changed.study) == (1, 5e-3, "again")
    restored = changed.model_copy(update={"seed": 0, "recipe": config.recipe, "study": "toy"})
    assert restored == config.model_copy(update={"log_level": config.log_level})


def test_what_is_for_another_command_becomes_one_argument(monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["rerun.py", "run_id=a", "study=again", "tracking.root=x", "-m", "+also={a: 'b,c'}"]
    )
    gather_overrides({"run_id", "tracking"})
    *own, last = sys.argv[1:]
    assert own == ["run_id=a", "tracking.root=x", "-m"]
    (override,) = OverridesParser.create().parse_overrides([last])
    assert override.value() == ["study=again", "+also={a: 'b,c'}"]


def test_other_code_and_versions_are_said(toy, held, asked, caplog):
    config = toy(n_examples=3)
    run_id = held(config, **{"digest.code": "as it was", "digest.test": "another"})
    store = open_store(None, config.tracking.root)
    store.client.set_tag(run_id, tag.COMMIT, "0123456789abcdef")
    store.client.set_tag(run_id, tag.DIRTY, "true")
    store.client.set_tag(run_id, tag.VERSIONS, json.dumps({"torch": "1.0"}))
    again(config, run_id)
    code, test, versions = [record.getMessage() for record in caplog.records]
    assert f"run {run_id} was made with other code (commit 0123456789 with changes; now " in code
    assert "other test items" in test
    assert "other versions (torch 1.0, now 2." in versions
    assert all(said.endswith("numbers may differ") for said in (code, test, versions))


def test_points_and_evaluations_of_an_imported_study_are_complete_under_their_old_ids(toy, tmp_path, caplog):
    config = toy(n_examples=0)
    finetune(config)
    (record,) = study(config.tracking.root)
    evaluate(evaluation(config, run_id=record.run_id))
    (measured,) = evaluated(config)
    archive = tmp_path / "toy.zip"
    export_study(open_store(None, config.tracking.root), "toy", archive, lambda name: None)
    there = toy(root=tmp_path / "elsewhere", n_examples=0)
    import_study(open_store(None, there.tracking.root), archive, lambda name: None)
    with caplog.at_level("INFO"):
        again(there, record.run_id)
        again(there, measured.info.run_id)
    assert caplog.text.count("complete already") == 2
    assert (len(study(there.tracking.root)), len(evaluated(there))) == (1, 1)
    again(there, measured.info.run_id, "study=again")
    (other,) = evaluated(there.model_copy(update={"study": "again"}))
    assert other.data.metrics["eval/nll"] == measured.data.metrics["eval/nll"]


def test_what_cannot_be_run_again_is_said(toy, held):
    config = toy(n_examples=3)
    run_id = held(config)
    with pytest.raises(FathomError, match="there is no run nowhere"):
        again(config, "nowhere")
    with pytest.raises(FathomError, match=r"from: /nowhere holds no mlflow\.db"):
        again(config, run_id, **{"from": "/nowhere"})
    with pytest.raises(FathomError, match="method=lora chooses an option of a group"):
        again(config, run_id, "method=lora")
    with pytest.raises(FathomError, match="Could not override 'sead'"):
        again(config, run_id, "sead=1")
    open_store(None, config.tracking.root).client.set_tag(run_id, tag.KIND, "analysis")
    with pytest.raises(FathomError, match=r"is of kind analysis.*its command was: python"):
        again(config, run_id)


def test_a_file_that_is_gone_is_missed_in_a_sentence_until_the_command_line_says_where_it_is(
    toy, held, asked, tmp_path
):
    files = [tmp_path / name for name in ("train.jsonl", "test.jsonl", "moved.jsonl")]
    for number, file in enumerate(files[:2]):
        file.write_text(json.dumps({"prompt": f"{number}?", "answer": "it is 1"}))
    section = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/benchmark/jsonl.yaml"))
    section |= {"train": str(files[0]), "test": str(files[1]), "scorer": "exact_match", "sandbox": "limits_only"}
    config = toy(n_examples=1, benchmark=construct_benchmark(section))
    run_id = held(config)
    files[0].rename(files[2])
    with pytest.raises(FathomError, match=rf"run {run_id} had does not hold here(.|\n)*there is no file {files[0]}"):
        again(config, run_id)
    again(config, run_id, f"benchmark.train={files[2]}")
    assert asked[0].benchmark.train == files[2]
    assert identify(asked[0]).key == open_store(None, config.tracking.root).client.get_run(run_id).data.tags[tag.KEY]


@pytest.mark.slow
def test_a_sweeps_point_on_files_runs_again_from_the_command_line(tmp_path):
    for name, numbers in (("train", range(20)), ("test", range(50, 58))):
        rows = [json.dumps({"prompt": f"after {i}?", "answer": f"it is {i + 1}"}) for i in numbers]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    root = tmp_path / "mlruns"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def command(script, *arguments):
        words = [sys.executable, str(ROOT / "src" / script), *arguments, f"tracking.root={root}"]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    sweep = command(
        "train.py", "-m", "study=s", "model.init=random", "n_examples=2", "benchmark=jsonl", "recipe=tiny",
        "benchmark.train=train.jsonl", "benchmark.test=test.jsonl", "benchmark.scorer=exact_match",
        "recipe.min_steps=1", "recipe.epochs=1", "benchmark.max_new_tokens=8", "benchmark.name='after, and more'",
    )  # fmt: skip
    assert sweep.returncode == 0, sweep.stdout + sweep.stderr
    (record,) = study(root, "s")
    words = shlex.split(open_store(None, root).client.get_run(record.run_id).data.tags[tag.COMMAND])
    assert words[:3] == ["python", "src/train.py", "study=s"]
    assert "benchmark.name='after, and more'" in words

    (tmp_path / "train.jsonl").rename(tmp_path / "moved.jsonl")
    moved = command("rerun.py", f"run_id={record.run_id}", "benchmark.train=moved.jsonl", "study=again", "seed=3")
    assert moved.returncode == 0, moved.stderr
    (changed,) = study(root, "again")
    values = json.loads((Path(changed.artifacts.removeprefix("file://")) / "config.json").read_text())
    assert values["benchmark"]["train"] == str(tmp_path / "moved.jsonl")
    assert (values["seed"], "tracking" in values) == (3, False)
