"""A base's files are hashed once, and again when one of them is another."""

import os
import time

import pytest

from src.config.model import HubModel
from src.points import known_digest
from src.points.base import find_base
from src.tracking.identity import file_digest

LONG_AGO = 1_700_000_000


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that are read for their digest."""
    names = []
    monkeypatch.setattr(known_digest, "file_digest", lambda path: names.append(path.name) or file_digest(path))
    return names


@pytest.fixture
def digest_of_base(toy, tmp_path):
    """The digest of a base that lies in tmp_path / "base", as every job asks for it."""
    directory = tmp_path / "base"
    directory.mkdir()
    for name in ("config.json", "model.safetensors"):
        (directory / name).write_text("{}")
        os.utime(directory / name, (LONG_AGO, LONG_AGO))
    shape = dict.fromkeys(("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"), 8)
    shape |= {"num_key_value_heads": 8, "vocab_size": 8, "max_position_embeddings": 8}
    model = HubModel(
        kind="hub",
        name="base",
        path=str(directory),
        init="pretrained",
        dtype="float32",
        attn_implementation="sdpa",
        architecture={**shape, "model_type": "llama", "rope_theta": 1e4, "rms_norm_eps": 1e-5},
        plain_prompt="{prompt}",
    )
    config = toy()
    return lambda: find_base(model, config.trainer, config.tracking).digest


def test_a_second_job_reads_no_file_of_the_base(digest_of_base, hashed):
    first = digest_of_base()
    assert sorted(hashed) == ["config.json", "model.safetensors"]
    hashed.clear()
    assert digest_of_base() == first
    assert hashed == []


def test_a_file_that_is_another_is_read_again(digest_of_base, hashed, tmp_path):
    before = digest_of_base()
    weights = tmp_path / "base/model.safetensors"
    weights.write_text("[]")  # in place, of the same size
    os.utime(weights, (LONG_AGO, LONG_AGO + 1))
    written = digest_of_base()
    other = tmp_path / "other"
    other.write_text("()")
    os.utime(other, (LONG_AGO, LONG_AGO + 1))
    other.replace(weights)  # of the same size and time
    assert len({before, written, digest_of_base()}) == 3
    assert hashed[2:] == ["model.safetensors", "model.safetensors"]


def test_a_file_that_was_just_written_is_not_remembered(digest_of_base, tmp_path):
    weights, now = tmp_path / "base/model.safetensors", time.time()
    os.utime(weights, (now, now))
    before = digest_of_base()
    weights.write_text("[]")
    os.utime(weights, (now, now))
    assert digest_of_base() != before
