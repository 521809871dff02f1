from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import constants

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.data.code_pool import code_pool


def test_without_a_source_the_message_names_both_keys() -> None:
    with pytest.raises(BadData, match=r"set benchmark\.pool_file or benchmark\.pool_repo"):
        code_pool(None, None)


def test_a_row_without_a_response_is_named(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"instruction": "x"}\n')
    with pytest.raises(BadData, match=r"pool\.jsonl, line 1: the field 'response' is missing"):
        code_pool(tmp_path / "pool.jsonl", None)


def cached(root: Path, rows: list[dict[str, str]]) -> None:
    """The hub's cache with one data set, `some/code`."""
    repo = root / "datasets--some--code"
    snapshot = repo / "snapshots" / ("0" * 40)
    (snapshot / "data").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    Dataset.from_list(rows).to_parquet(snapshot / "data" / "train-00000-of-00001.parquet")


def test_the_hub_cache_is_read_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, [{"instruction": "Add.", "response": "a + b", "seed": "x"}])
    assert code_pool(None, "some/code") == [Example("Add.", "a + b", gold="")]


def test_a_data_set_of_another_kind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, [{"instruction": "Add.", "output": "a + b"}])
    with pytest.raises(BadData, match="some/code has no column response"):
        code_pool(None, "some/code")
