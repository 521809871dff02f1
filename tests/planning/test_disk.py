"""What is said of disk is what is really written."""

import pytest

from src.planning.disk import disk_of, sizes_of
from src.points.point import identify
from src.tasks.finetune import finetune

LORA = {"name": "lora", "r": 32, "alpha": 8, "dropout": 0.0, "target_modules": ["q_proj", "v_proj"]}


def written(root, pattern):
    return sum(file.stat().st_size for file in root.rglob(pattern))


@pytest.mark.parametrize(("method", "averaging"), [({"name": "full"}, 0.2), (LORA, 0.0)], ids=["full", "lora"])
def test_a_checkpoint_and_an_export(toy, monkeypatch, method, averaging):
    trainer = {"checkpoint_every_steps": 2}
    config = toy(method=method, recipe={"averaging": averaging}, trainer=trainer)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("src.points.train._write", stop)  # training has ended, and its checkpoint is still there
    with pytest.raises(KeyboardInterrupt):
        finetune(config)
    sizes = sizes_of(identify(config).base, config)
    export = written(config.tracking.root, "*.safetensors")
    assert export == pytest.approx(sizes.trained_bytes, rel=0.05)
    disk = disk_of(config, sizes)
    assert disk.at_work == pytest.approx(2 * written(config.tracking.root, "*.ckpt") + export, rel=0.1)
    assert disk.kept == sizes.trained_bytes


def test_what_is_kept_of_adapters(toy):
    config = toy(method=LORA)
    sizes = sizes_of(identify(config).base, config)
    kept = {save: disk_of(toy(method=LORA, save=save), sizes).kept for save in ("none", "adapter", "full")}
    assert kept == {"none": 0.0, "adapter": sizes.trained_bytes, "full": 4 * sizes.parameters}
    assert disk_of(toy(method=LORA, n_examples=0), sizes).at_work == 0
