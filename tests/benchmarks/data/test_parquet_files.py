import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset

from src.benchmarks.benchmark import BadData
from src.benchmarks.data.parquet_files import BATCH_ROWS, read_parquet

ROOT = Path(__file__).parents[3]


def written(file: Path, rows: list[dict[str, object]]) -> Path:
    Dataset.from_list(rows).to_parquet(file)
    return file


def test_the_rows_of_several_files_come_in_order(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": i, "text": f"é {i}", "born": "2021-01-01", "turns": [{"role": "user", "content": None}]}
        for i in range(BATCH_ROWS + 2)
    ]
    files = [written(tmp_path / "b.parquet", rows[:-1]), written(tmp_path / "a.parquet", rows[-1:])]
    assert list(read_parquet(files)) == rows


def test_what_is_no_parquet_and_what_has_other_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("id,text\n")
    with pytest.raises(BadData, match=r"text\.parquet cannot be read as parquet"):
        list(read_parquet([tmp_path / "text.parquet"]))
    files = [written(tmp_path / "one.parquet", [{"id": 1}]), written(tmp_path / "two.parquet", [{"other": "x"}])]
    with pytest.raises(BadData, match=r"two\.parquet cannot be read as parquet"):
        list(read_parquet(files))


def test_reading_leaves_no_file_and_says_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", [{"id": 1}])
    home = tmp_path / "home"
    code = f"""
from pathlib import Path
from src.benchmarks.data.parquet_files import read_parquet
assert list(read_parquet([Path({str(file)!r})])) == [{{"id": 1}}]
"""
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(home), "HF_HOME": str(home / "hf"), "TMPDIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert [path.name for path in tmp_path.iterdir() if path != home] == ["a.parquet"]


def test_benchmarks_without_parquet_load_neither_datasets_nor_the_hub() -> None:
    code = """
import sys
from src.benchmarks.arithmetic import Arithmetic
from src.benchmarks import gsm8k, humaneval, ifeval, mbpp
print([m for m in ("datasets", "pyarrow", "huggingface_hub", "torch") if m in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout.strip() == "[]"
