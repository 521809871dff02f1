"""Reading parquet, the form of most data sets on the hub, with `datasets`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from src.benchmarks.benchmark import BadData

BATCH_ROWS = 1000


def read_parquet(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The rows of `files` in order, all of the same columns. Raises BadData where they are not, or are no parquet.

    Streamed: neither the whole of the files nor a copy in a cache is kept.
    """
    from datasets import load_dataset

    with TemporaryDirectory() as cache:
        try:
            data = load_dataset(
                "parquet", data_files=[str(file) for file in files], split="train", streaming=True, cache_dir=cache
            )
            for batch in data.with_format("arrow").iter(batch_size=BATCH_ROWS):
                yield from batch.to_pylist()
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise BadData(f"{' or '.join(map(str, files))} cannot be read as parquet: {error}.") from error
