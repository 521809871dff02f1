import json
from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import constants

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.data.instruction_pool import instruction_pool

ASKED, SAID = "What is a fig?", "A fruit."
TURNS = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]


def pool(tmp_path: Path, *rows: object) -> list[Example]:
    file = tmp_path / "pool.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return instruction_pool(file)


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"instruction": ASKED, "context": "", "response": SAID, "category": "open_qa"}, ASKED),
        ({"instruction": ASKED, "context": "Figs grow.", "response": SAID}, f"{ASKED}\n\nFigs grow."),
        ({"prompt": ASKED, "response": SAID}, ASKED),
        ({"prompt": ASKED, "messages": [*TURNS, {"role": "user", "content": "And a plum?"}]}, ASKED),
        ({"messages": [{"role": "system", "content": "Be brief."}, *TURNS]}, f"Be brief.\n\n{ASKED}"),
        ({"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]}, ASKED),
        ({"conversations": [ASKED, SAID], "source": "stackexchange"}, ASKED),
    ],
    ids=["dolly", "dolly with context", "prompt", "conifer", "system", "sharegpt", "lima"],
)
def test_each_form_of_row_gives_its_first_exchange(tmp_path: Path, row: object, prompt: str) -> None:
    assert pool(tmp_path, row) == [Example(prompt, SAID, gold=SAID)]


def test_a_row_that_stands_twice_is_taken_once(tmp_path: Path) -> None:
    row = {"prompt": ASKED, "response": SAID}
    assert len(pool(tmp_path, row, {"prompt": "Other?", "response": SAID}, row)) == 2


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ({"instruction": ASKED, "output": SAID}, "no response"),
        ({"instruction": ASKED, "response": " "}, "no response"),
        ({"question": ASKED, "response": SAID}, "no instruction"),
        ({"messages": TURNS[:1]}, "no response"),
        ({"messages": TURNS[1:]}, "no instruction"),
        ({"conversations": [ASKED]}, "no response"),
        ({"messages": [ASKED, 3]}, "a turn is a str"),
    ],
)
def test_a_row_of_no_known_form_is_named(tmp_path: Path, row: object, missing: str) -> None:
    with pytest.raises(BadData, match=rf"pool\.jsonl, line 2: {missing}"):
        pool(tmp_path, {"prompt": ASKED, "response": SAID}, row)


def test_without_a_source_the_message_names_both_keys() -> None:
    with pytest.raises(BadData, match=r"set benchmark\.pool_file or benchmark\.pool_repo"):
        instruction_pool(None)


def test_the_hub_cache_is_read_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "datasets--some--chat"
    snapshot = repo / "snapshots" / ("0" * 40)
    (snapshot / "data").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    rows = [{"prompt": ASKED, "messages": TURNS}]
    Dataset.from_list(rows).to_parquet(snapshot / "data" / "train_sft-0.parquet")
    (snapshot / "dolly.jsonl").write_text(json.dumps({"instruction": "Say hi.", "context": "", "response": "Hi."}))
    assert instruction_pool(None, "some/chat", "data/train_sft-*.parquet") == [Example(ASKED, SAID, gold=SAID)]
    assert instruction_pool(None, "some/chat") == [Example("Say hi.", "Hi.", gold="Hi.")]
