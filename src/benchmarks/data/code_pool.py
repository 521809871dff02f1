"""Instructions with code as the response, to finetune on before a coding benchmark."""

from collections.abc import Iterator
from pathlib import Path

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.parquet_files import read_parquet

COLUMNS = ("instruction", "response")


def code_pool(file: Path | None, repo: str | None) -> list[Example]:
    """The rows of a JSON Lines file or, where `file` is None, of the hub data set `repo` (parquet).

    A row has the fields `instruction` and `response`, as in StarCoder2's self-alignment data
    (bigcode/self-oss-instruct-sc2-exec-filter-50k). Nothing tests a response, so `gold` is empty. Raises BadData.
    """
    if file is not None:
        rows = read_jsonl(file, dict.fromkeys(COLUMNS, str))
    elif repo is not None:
        rows = _hub_rows(repo)
    else:
        raise BadData("there is nothing to finetune on: set benchmark.pool_file or benchmark.pool_repo.")
    return [Example(prompt=row["instruction"], answer=row["response"], gold="") for row in rows]


def _hub_rows(repo: str) -> Iterator[dict[str, str]]:
    files = dataset_files(
        repo,
        "data/train-*.parquet",
        instead="Point benchmark.pool_file at a JSON Lines file with the fields instruction and response.",
    )
    for row in read_parquet(files):
        if missing := [column for column in COLUMNS if column not in row]:
            raise BadData(f"data set {repo} has no column {missing[0]}; a code pool needs {' and '.join(COLUMNS)}.")
        yield row
