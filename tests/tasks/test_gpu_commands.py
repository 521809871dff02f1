"""The commands for GPUs, on a CPU: the same strategy and precision, an architecture that is cut down."""

import json

import pytest
from hydra import compose, initialize_config_dir

from src.config.check import check
from src.config.train import TrainConfig
from src.tasks.finetune import finetune
from src.tracking.query import points
from src.tracking.store import open_store
from tests.ranks import on_ranks
from tests.test_config import ROOT

CUT = [
    "model.init=random",
    "model.architecture.num_hidden_layers=2",
    "model.architecture.hidden_size=64",
    "model.architecture.intermediate_size=96",
    "model.architecture.num_attention_heads=8",
    "model.architecture.num_key_value_heads=8",
    "model.architecture.vocab_size=2048",
    "trainer.accelerator=cpu",
    "trainer.progress_bar=false",
    "trainer.threads=1",
    "benchmark.max_new_tokens=4",
    "recipe.epochs=1",
    "n_examples=10",
    "study=s",
]


@pytest.fixture
def finished(tmp_path, migrated):
    """finished(overrides, ranks, …): the metrics of the command's run, each of its ranks a process."""
    for name, n in (("train", 40), ("test", 6)):
        rows = [
            {"question": f"Of the {name} split: how much is {i} + {i}?", "answer": f"It is {2 * i}.\n#### {2 * i}"}
            for i in range(n)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def finish(overrides, ranks=1, **started):
        root = tmp_path / f"mlruns {len(list(tmp_path.iterdir()))}"
        root.mkdir()
        (root / "mlflow.db").write_bytes(migrated.read_bytes())
        told = [f"tracking.root='{root}'", "benchmark=gsm8k", f"benchmark.path={tmp_path}", *CUT, *overrides]
        if ranks == 1:
            run(told)
        else:
            on_ranks(ranks, run_again, told, **started)
        (point,) = points(open_store(None, root), "s")
        return point.metrics

    return finish


def run(overrides):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = check(compose("train", overrides=overrides), TrainConfig)
    finetune(config)


def run_again(overrides):
    """The second time the first rank finds the run complete, and the others do not wait for it to train."""
    run(overrides)
    run(overrides)


@pytest.mark.parametrize("command", [[], ["recipe=fixed_batch", "method=lora"]])
def test_one_device_in_mixed_precision(finished, command):
    metrics = finished(["model=llama3_8b", "trainer.precision=bf16-mixed", *command])
    assert metrics["train/optimizer_steps"] > 0 and metrics["eval/n_items"] == 6


@pytest.mark.parametrize("command", [["model=llama2_13b"], ["model=llama3_70b", "method=lora"]])
def test_sharded_over_devices_a_point_has_the_numbers_of_one_device(finished, command):
    one = finished([*command, "trainer=gpu", "trainer.accelerator=cpu"])
    sharded = finished([*command, "trainer.devices=2"], ranks=2)
    assert sharded["train/loss"] == pytest.approx(one["train/loss"], rel=1e-4)
    assert sharded["eval/nll"] == pytest.approx(one["eval/nll"], rel=1e-4)
    mixed = finished([*command, "trainer.devices=2", "trainer.precision=bf16-mixed"], ranks=2)
    assert mixed["eval/nll"] == pytest.approx(one["eval/nll"], rel=0.02)


@pytest.mark.parametrize("torchrun", [False, True])
def test_two_nodes_of_one_device_are_two_devices(finished, torchrun):
    one = finished(["model=llama3_8b"])
    nodes = ["trainer=ddp", "trainer.devices=1", "trainer.num_nodes=2"]
    two = finished(["model=llama3_8b", *nodes], ranks=2, devices=1, torchrun=torchrun)
    assert two["eval/nll"] == pytest.approx(one["eval/nll"], rel=1e-4)
