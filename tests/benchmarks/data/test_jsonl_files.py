import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.benchmark import BadData
from src.benchmarks.data.jsonl_files import read_jsonl

FIELDS = {"question": str, "answer": str}
GOOD = b'{"question": "q", "answer": "a"}\n'


@given(texts=st.lists(st.tuples(st.text(), st.text()), min_size=1), ascii_only=st.booleans())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], ascii_only: bool
) -> None:
    rows = [{"question": question, "answer": answer, "id": 1} for question, answer in texts]
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    path.write_bytes(b"".join(json.dumps(row, ensure_ascii=ascii_only).encode("utf-8") + b"\n" for row in rows))
    assert list(read_jsonl(path, FIELDS)) == rows


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"question": "q", "answer": \n', "line 3: not valid JSON (Expecting value at column"),
        (b"\n", "line 3: not valid JSON"),
        (b"[1]\n", "line 3: a list where a JSON object is needed"),
        (b'{"question": "q"}\n', "line 3: the field 'answer' is missing"),
        (b'{"question": "q", "answer": null}\n', "line 3: the field 'answer' is a NoneType, not a str"),
        (b'{"question": "\xff", "answer": "a"}\n', "line 3: not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD * 2 + line + GOOD)
    with pytest.raises(BadData) as caught:
        list(read_jsonl(path, FIELDS))
    assert f"{path}, {complaint}" in str(caught.value)


def test_texts_stay_texts_and_integers_integers(tmp_path: Path) -> None:
    row = {"question": "2021-01-01", "answer": "2021-01-01T00:00:00Z", "large": 10**30}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    assert list(read_jsonl(path, FIELDS)) == [row]


def test_a_gzipped_file_is_read_and_a_damaged_one_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD * 2))
    assert len(list(read_jsonl(path, FIELDS))) == 2
    for damaged in (gzip.compress(GOOD)[:-9], b"plain", gzip.compress(GOOD)[:12] + b"\xff" * 30):
        path.write_bytes(damaged)
        with pytest.raises(BadData, match=r"rows\.jsonl\.gz cannot be read: \w"):
            list(read_jsonl(path, FIELDS))


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.touch()
    with pytest.raises(BadData, match=r"rows\.jsonl is empty; it needs .* question, answer"):
        list(read_jsonl(path, FIELDS))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"rows\.jsonl cannot be read: No such file"):
        list(read_jsonl(tmp_path / "rows.jsonl", FIELDS))
