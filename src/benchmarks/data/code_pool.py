"""Instructions with code as the response, to finetune on before a coding benchmark."""

from pathlib import Path

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl


def code_pool(file: Path | None, repo: str | None) -> list[Example]:
    """The rows of a JSON Lines file or, where `file` is None, of the hub data set `repo` (parquet).

    A row has the fields `instruction` and `response`, as in StarCoder2's self-alignment data
    (bigcode/self-oss-instruct-sc2-exec-filter-50k). Nothing tests a response, so `gold` is empty. Raises BadData.
    """
    if file is not None:
        rows = list(read_jsonl(file, {"instruction": str, "response": str}))
    elif repo is not None:
        rows = _hub_rows(repo)
    else:
        raise BadData("there is nothing to finetune on: set benchmark.pool_file or benchmark.pool_repo.")
    return [Example(prompt=row["instruction"], answer=row["response"], gold="") for row in rows]


def _hub_rows(repo: str) -> list[dict[str, str]]:
    import pyarrow.parquet

    files = dataset_files(
        repo,
        "data/train-*.parquet",
        instead="Point benchmark.pool_file at a JSON Lines file with the fields instruction and response.",
    )
    columns = ["instruction", "response"]
    missing = [c for c in columns for file in files if c not in pyarrow.parquet.read_schema(file).names]
    if missing:
        raise BadData(f"data set {repo} has no column {missing[0]}; a code pool needs {' and '.join(columns)}.")
    return [row for file in files for row in pyarrow.parquet.read_table(file, columns=columns).to_pylist()]
