"""A wrong configuration ends in one sentence, with a non-zero status, before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from src.config.check import check
from src.config.train import TrainConfig
from src.errors import FathomError

ROOT = Path(__file__).parents[1]


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
        (["recipe=tiny", "recipe.search=[1e-3]"], "recipe: search and validation=k_fold choose by validation loss"),
        (["recipe.until.patience=1"], "recipe.until.patience: input should be greater than 1"),
        (["recipe.batch_size=[{up_to: 10, examples: 2}]"], "recipe: batch_size needs rules"),
        (["+benchmark.steps=3"], "benchmark.steps: there is no such key"),
        (["benchmark=gsm8k", "benchmark.path=/nowhere"], "benchmark.path: /nowhere"),
        (["benchmark._target_=src.nothing.Here"], "benchmark: _target_ src.nothing.Here cannot be imported"),
        (["benchmark._target_=pathlib.Path"], "benchmark: _target_ pathlib.Path is not a Benchmark"),
        (["model=llama3_8b", "model.path=./nowhere"], "model.path: ./nowhere is no model directory"),
        (["model.size=xl"], "model.size: input should be 's', 'm' or 'l'"),
        (["recipe=converged", "trainer=fsdp"], "trainer=fsdp spreads the weights over devices"),
        (["study=a/b"], "study: string should match pattern"),
        (["study=???"], "study: Missing mandatory value"),
    ],
)
def test_wrong_values_name_their_key(overrides, sentence):
    with pytest.raises(FathomError) as error:
        check(composed(*overrides), TrainConfig)
    assert sentence in str(error.value)


def test_every_wrong_key_is_told_at_once():
    with pytest.raises(FathomError) as error:
        check(composed("n_examples=-1", "seed=-1"), TrainConfig)
    assert str(error.value).count("\n") == 1


@pytest.mark.parametrize("model", sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml")))
def test_every_model_composes(model):
    assert check(composed(f"model={model}"), TrainConfig).model.name == model


@pytest.mark.parametrize("recipe", ["paper", "paper_70b", "fixed_batch", "tiny", "tiny_steps", "converged"])
@pytest.mark.parametrize("trainer", ["cpu", "gpu", "ddp", "fsdp"])
def test_every_recipe_and_trainer_composes(recipe, trainer):
    if (recipe, trainer) == ("converged", "fsdp"):
        pytest.skip("refused with a sentence")
    config = check(composed(f"recipe={recipe}", f"trainer={trainer}", "method=lora"), TrainConfig)
    assert (config.recipe.name, config.trainer.name) == (recipe, trainer)


@pytest.mark.parametrize(
    ("model", "recipe", "trainer"),
    [("llama3_8b", "paper", "gpu"), ("llama3_70b", "paper_70b", "fsdp"), ("tiny_mistral", "converged", "cpu")],
)
def test_a_model_brings_its_recipe_and_trainer_unless_told_otherwise(model, recipe, trainer):
    own = check(composed(f"model={model}"), TrainConfig)
    assert (own.recipe.name, own.trainer.name) == (recipe, trainer)
    told = check(composed(f"model={model}", "recipe=fixed_batch", "trainer=ddp"), TrainConfig)
    assert (told.recipe.name, told.trainer.name) == ("fixed_batch", "ddp")


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


@pytest.mark.parametrize(("group", "one_of_them"), [("model", "tiny_llama3"), ("benchmark", "gsm8k")])
def test_an_unknown_choice_lists_the_choices(group, one_of_them):
    assert one_of_them in command(f"{group}=nothing").stderr


def test_help_names_the_groups_without_the_heavy_imports():
    result = command("--help")
    assert result.returncode == 0
    assert "recipe: converged, fixed_batch, paper" in result.stdout
    assert "heavy: []" in result.stdout
