"""A wrong configuration ends in one sentence, with a non-zero status, before anything heavy is imported."""

import json
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, MissingConfigException

from src.config.analyze import AnalyzeConfig
from src.config.archive import ExportConfig
from src.config.check import IN_WORDS, check
from src.config.eval import EvalConfig
from src.config.kept import kept, restored
from src.config.nightly import NightlyConfig
from src.config.prefer import PreferConfig
from src.config.publish import PublishConfig
from src.config.status import StatusConfig
from src.config.train import TrainConfig
from src.errors import FathomError

ROOT = Path(__file__).parents[1]


def options(group):
    """What a user can choose in a group of conf/."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def composed(*overrides, name="train"):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(name, overrides=list(overrides))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["n_examples=-3"], "n_examples: input should be greater than or equal to 0 (given: -3)"),
        (["n_examples=ten"], "n_examples: input should be a valid integer"),
        (["+recipe.learning_rate=1"], "recipe.learning_rate: there is no such key"),
        (["recipe.lr=0"], "recipe.lr: input should be greater than 0"),
        (["recipe.until=null"], "recipe: set exactly one of epochs, steps and until"),
        (["recipe.steps=7"], "recipe: set exactly one of epochs, steps and until"),
        (["recipe.val_examples=0"], "recipe: until needs validation loss: set val_examples, or validation=k_fold"),
        (["recipe.schedule=cosine"], "recipe: until leaves the end open"),
        (["recipe.schedule=constant"], "recipe: constant_steps says from which step on schedule=inverse_sqrt falls"),
        (["recipe.constant_steps=null"], "recipe: constant_steps says from which step on schedule=inverse_sqrt falls"),
        (["recipe=tiny", "recipe.search=[1e-3]"], "recipe: search and validation=k_fold choose by validation loss"),
        (["recipe.until.patience=1"], "recipe.until.patience: input should be greater than 1"),
        (["recipe.batch_size=[{up_to: 10, examples: 2}]"], "recipe: batch_size needs rules"),
        (["+benchmark.steps=3"], "benchmark.steps: there is no such key"),
        (["benchmark=gsm8k", "benchmark.path=/nowhere"], "benchmark.path: /nowhere"),
        (["benchmark._target_=src.nothing.Here"], "benchmark: _target_ src.nothing.Here cannot be imported"),
        (["benchmark._target_=pathlib.Path"], "benchmark: _target_ pathlib.Path is not a Benchmark"),
        (["model=llama3_8b", "model.path=./nowhere"], "model.path: ./nowhere is no model directory"),
        (["model.size=xl"], "model.size: input should be 's', 'm' or 'l'"),
        (
            ["recipe=paper", "trainer=fsdp", "recipe.optimizer=adamw_8bit"],
            "recipe.optimizer=adamw_8bit knows no weights that are spread over devices",
        ),
        (["recipe.optimizer=paged_adamw_8bit"], "on a CPU take adamw_8bit, which computes the same"),
        (["trainer=ddp", "trainer.cpu_offload=true"], "trainer: cpu_offload is for trainer=fsdp"),
        (["trainer.precision=bf16-true"], "trainer.precision=bf16-true would round most updates away"),
        (["model=llama3_8b", "model.dtype=bfloat16"], "model.dtype=bfloat16 would round most updates away"),
        (["method=lora", "recipe.optimizer=adamw_bf16_stochastic"], "adamw_bf16_stochastic is for method=full"),
        (
            ["method=qlora", "recipe=paper", "trainer=fsdp"],
            "method=qlora keeps the base in 4 bits whole",
        ),
        (["save=adapter"], "save=adapter keeps what method=lora or qlora trains, and method=full trains all weights"),
        (["+tracking.save_model=false"], "tracking: save_model is now the key save, beside tracking"),
        (["study=a/b"], "study: should have letters, digits, blanks, dots, hyphens and underscores alone (given"),
        (["study=???"], "study: Missing mandatory value"),
    ],
)
def test_wrong_values_name_their_key(overrides, sentence):
    with pytest.raises(FathomError) as error:
        check(composed(*overrides), TrainConfig)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("name", "overrides", "sentence"),
    [
        ("analyze", ["study=s", "out={root}/file"], "out: {root}/file is a file, and a directory is needed there"),
        ("publish", ["study=s", "to={root}/file/points"], "to: {root}/file is a file, and a directory is needed there"),
        ("export", ["study=s", "to={root}"], "to: {root} is a directory: name a file"),
        ("export", ["study=s", "to={root}/file/s.zip"], "to: {root}/file is a file, and a directory is needed there"),
        ("status", ["study=s", "tracking.root={root}/file"], "tracking.root: {root}/file is a file, and a directory"),
    ],
)
def test_where_nothing_can_be_written_is_told_before(tmp_path, name, overrides, sentence):
    (tmp_path / "file").touch()
    commands = {"analyze": AnalyzeConfig, "publish": PublishConfig, "export": ExportConfig, "status": StatusConfig}
    with pytest.raises(FathomError) as error:
        check(composed(*(one.format(root=tmp_path) for one in overrides), name=name), commands[name])
    assert sentence.format(root=tmp_path) in str(error.value)


def test_no_sentence_shows_a_regular_expression():
    files = (ROOT / "src/config").glob("*.py")
    assert {one for file in files for one in re.findall(r'pattern=r"(.*?)"', file.read_text())} == set(IN_WORDS)


def test_a_night_is_a_day():
    with pytest.raises(FathomError, match="night: month must be in"):
        check(composed("night=2026-13-01", name="nightly"), NightlyConfig)


def test_home_is_found_in_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = check(composed("study=s", "tracking.root='~/runs'", "to='~/s.zip'", name="export"), ExportConfig)
    assert (config.tracking.root, config.to) == (tmp_path / "runs", tmp_path / "s.zip")


def test_every_wrong_key_is_told_at_once():
    with pytest.raises(FathomError) as error:
        check(composed("n_examples=-1", "seed=-1"), TrainConfig)
    assert str(error.value).count("\n") == 1


@pytest.mark.parametrize("group", ["model", "recipe", "trainer", "method", "generation"])
def test_every_option_composes_under_its_name(group):
    for option in options(group):
        config = check(composed(f"{group}={option}"), TrainConfig)
        assert getattr(config, group).name == option


# What only the user can know about a benchmark. A key that a new one leaves open is missed here.
BENCHMARK_NEEDS = {
    "facts": ["benchmark.file={data}/a.jsonl"],
    "jsonl": ["benchmark.train={data}/a.jsonl", "benchmark.test={data}/a.jsonl", "benchmark.scorer=exact_match"],
    "lm_eval": ["benchmark.task=arc_easy"],
    "qa_jsonl": ["benchmark.train={data}/a.jsonl", "benchmark.test={data}/a.jsonl"],
    "strategyqa": ["benchmark.path={data}"],
}


@pytest.mark.parametrize("benchmark", options("benchmark"))
def test_every_benchmark_composes(benchmark, tmp_path):
    for file in ("a.jsonl", "train.json", "dev.json"):
        (tmp_path / file).write_text("{}\n")
    needs = [need.format(data=tmp_path) for need in BENCHMARK_NEEDS.get(benchmark, [])]
    config = check(composed(f"benchmark={benchmark}", "sandbox=limits_only", *needs), TrainConfig)
    assert config.benchmark.name == benchmark
    assert restored(json.loads(json.dumps(kept(config))), [], config.tracking, TrainConfig) == config


@pytest.mark.parametrize("judge", options("judge"))
def test_every_judge_composes_and_leaves_recipe_and_trainer_to_the_model(judge):
    name = ["judge.model=some-model"] if judge == "openai" else []
    config = check(composed(f"judge={judge}", "model=llama3_70b", *name, name="prefer"), PreferConfig)
    assert config.judge.kind == judge
    assert (config.recipe.name, config.trainer.name) == ("paper_70b", "fsdp")


@pytest.mark.parametrize(
    ("model", "recipe", "trainer"),
    [
        ("llama3_8b", "paper", "gpu"),
        ("llama2_13b", "paper", "fsdp"),
        ("llama3_70b", "paper_70b", "fsdp"),
        ("tiny_mistral", "converged", "cpu"),
    ],
)
def test_a_model_brings_its_recipe_and_trainer_unless_told_otherwise(model, recipe, trainer):
    own = check(composed(f"model={model}"), TrainConfig)
    assert (own.recipe.name, own.trainer.name) == (recipe, trainer)
    told = check(composed(f"model={model}", "recipe=fixed_batch", "trainer=ddp"), TrainConfig)
    assert (told.recipe.name, told.trainer.name) == ("fixed_batch", "ddp")
    assert check(composed(f"model={model}", name="eval"), EvalConfig).trainer.name == trainer


def test_an_experiment_may_choose_model_recipe_and_trainer(tmp_path):
    conf = tmp_path / "conf"
    copytree(ROOT / "conf", conf)
    chosen = "# @package _global_\ndefaults:\n  - override /model: llama3_70b\n"
    (conf / "experiment/big.yaml").write_text(chosen)
    (conf / "experiment/small_recipe.yaml").write_text(chosen + "  - override /recipe: tiny_steps\n")
    with initialize_config_dir(str(conf), version_base="1.3"):
        for overrides, expected in [
            (["experiment=big"], ("llama3_70b", "paper_70b", "fsdp")),
            (["experiment=small_recipe"], ("llama3_70b", "tiny_steps", "fsdp")),
            (["experiment=small_recipe", "recipe=paper"], ("llama3_70b", "paper", "fsdp")),
            (["experiment=small_recipe", "model=tiny_llama2"], ("tiny_llama2", "tiny_steps", "cpu")),
        ]:
            config = compose("train", overrides=overrides)
            assert (config.model.name, config.recipe.name, config.trainer.name) == expected


def test_a_model_of_ones_own_that_names_no_recipe_is_told_the_choices(tmp_path):
    copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf/model/mine.yaml").write_text("kind: hub\nname: mine\n")
    with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
        with pytest.raises(ConfigCompositionException, match=r"(?s)You must specify 'recipe'.*fixed_batch"):
            compose("train", overrides=["model=mine", "trainer=gpu"])


def test_adapters_have_a_learning_rate_of_their_own_and_a_search_has_its():
    def rates(*overrides):
        return check(composed(*overrides), TrainConfig).learning_rates

    assert rates("recipe=paper") == [1e-5]
    assert rates("recipe=paper", "method=lora") == rates("recipe=paper", "method=qlora") == [2e-4]
    assert rates("recipe=paper", "method=lora", "method.lr=null") == [1e-5]
    assert rates("recipe=converged", "method=lora") == rates("recipe=converged") == sorted(rates(), reverse=True)
    assert rates("recipe=converged", "method=lora", "n_examples=1000") == [2e-4]


def test_the_papers_batch_size_follows_n():
    recipe = check(composed("recipe=paper"), TrainConfig).recipe
    assert [recipe.batch_size_for(n) for n in (10, 100, 101, 1000, 1001, 10_000)] == [2, 2, 8, 8, 16, 16]


def command(*arguments):
    """What a user sees, and the heavy modules that were imported for it."""
    script = (
        "import sys, atexit, runpy\n"
        "heavy = ('torch', 'transformers', 'mlflow', 'lightning', 'datasets')\n"
        "atexit.register(lambda: print('heavy:', [m for m in heavy if m in sys.modules]))\n"
        "sys.path.insert(0, 'src')\n"  # as `python src/train.py` does
        f"sys.argv = ['src/train.py', *{list(arguments)!r}]\n"
        "runpy.run_path('src/train.py', run_name='__main__')\n"
    )
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=llama4"], "Could not find 'model/llama4'"),
        (["benchmark=chess"], "Could not find 'benchmark/chess'"),
        (["n_exampels=3"], "Key 'n_exampels' is not in struct"),
        (["n_examples=-3"], "error: n_examples: input should be greater than or equal to 0 (given: -3)"),
        (["-m", "n_examples=10,-3"], "error: n_examples: input should be greater than or equal to 0 (given: -3)"),
    ],
)
def test_a_mistake_answers_without_the_heavy_imports(arguments, message):
    result = command(*arguments)
    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "heavy: []" in result.stdout


@pytest.mark.parametrize("group", ["model", "benchmark", "recipe", "trainer"])
def test_an_unknown_choice_lists_the_choices(group):
    with pytest.raises(MissingConfigException) as error:
        composed(f"{group}=nothing")
    listed = str(error.value).split("Config search path")[0].splitlines()
    assert [line.strip() for line in listed if line.startswith("\t")] == options(group)


def test_help_names_the_groups_without_the_heavy_imports():
    result = command("--help")
    assert result.returncode == 0
    assert "recipe: converged, fixed_batch, paper" in result.stdout
    assert "heavy: []" in result.stdout


@pytest.mark.parametrize("command", sorted(path.stem for path in (ROOT / "conf").glob("*.yaml")))
def test_every_key_of_a_command_can_be_given(command):
    # One that bears a group's name could not be.
    keys = yaml.safe_load((ROOT / "conf" / f"{command}.yaml").read_text()).keys() - {"defaults", "hydra"}
    composed(*(f"{key}=null" for key in keys), name=command)
