"""Complete runs as they are stored; behind MLflow's API they are remembered on this machine.

There a run with its params, metrics and tags takes 3 to 6 ms of a core, and a study of ten thousand half a minute. What
a complete run holds does not change, so it is read once and kept in `<root>/known/`. At every reading the store is
asked whether all that is remembered is there and complete, and whether there is more; what it does not confirm is read
again. Both are counts: MLflow is asked for the one run that comes after so many.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchUtils

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.identity import digest
from src.tracking.storage_errors import storing
from src.tracking.store import Store

COMPLETE_POINTS = f"tags.`{tag.KIND}` = 'finetune' and tags.`{tag.COMPLETE}` = 'true'"
IDS_A_REQUEST = 500
LATE_MS = 120_000  # by which a run may seem to have ended before one that was complete earlier, as hosts' clocks differ


@dataclass(frozen=True)
class Row:
    """A complete run as it is stored, before its params have placed it on a curve. `ended`: ms since 1970."""

    run_id: str
    key: str
    ended: int
    artifacts: str
    params: dict[str, str]
    metrics: dict[str, float]


def remembered_rows(store: Store, experiment: str, read: Callable[[str], Iterable[Row]]) -> list[Row]:
    """All complete points of an experiment; `read` gives those that meet a further condition of MLflow's language."""
    memory = _Memory(store.root / "known" / f"{digest([store.uri, experiment])}.jsonl")
    remembered = memory.rows()
    try:
        rows = _confirmed(store, experiment, remembered, read)
    except MlflowException:  # a store that counts its pages in another way
        return list(read(""))
    memory.keep(rows, remembered)
    return list(rows.values())


def _confirmed(
    store: Store, experiment: str, remembered: dict[str, Row], read: Callable[[str], Iterable[Row]]
) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    ids = iter(remembered)
    while some := list(islice(ids, IDS_A_REQUEST)):
        among_them = f" and attributes.run_id IN ({', '.join(map(repr, some))})"
        if _holds(store, experiment, len(some), among_them):
            rows |= {run_id: remembered[run_id] for run_id in some}
        else:
            rows |= _by_id(read(among_them))
    if rows:
        rows |= _by_id(read(f" and attributes.end_time > {max(row.ended for row in rows.values()) - LATE_MS}"))
    # All of these are complete points of the store: it has others only if it has more.
    return _by_id(read("")) if _holds(store, experiment, len(rows) + 1) else rows


def _holds(store: Store, experiment: str, count: int, further: str = "") -> bool:
    """Whether the experiment has at least so many complete points that meet a condition."""
    # A store that did not heed it would have more than all, at the end, and be read whole.
    before_last = SearchUtils.create_page_token(count - 1).decode() if count > 1 else None
    condition = COMPLETE_POINTS + further
    return bool(store.client.search_runs([experiment], condition, max_results=1, page_token=before_last))


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.run_id: row for row in rows}


class _Memory:
    """A file of rows, one a line."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self) -> dict[str, Row]:
        return _by_id(self._read()) if self._file.exists() else {}

    def keep(self, rows: dict[str, Row], known: dict[str, Row]) -> None:
        """Have the file hold `rows`, where it held `known`."""
        with suppress(FathomError), storing(self._file):  # a disk that takes nothing is told of by what must be kept
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if any(rows.get(run_id) is not row for run_id, row in known.items()):
                self._file.unlink(missing_ok=True)
                known = {}
            # One without an end was killed between its last two writes, or is between them now.
            new = [row for run_id, row in rows.items() if run_id not in known and row.ended]
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(row)) + "\n" for row in new)

    def _read(self) -> Iterator[Row]:
        with self._file.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError, TypeError):  # cut short, or of another version: it is read anew
                    yield Row(**json.loads(line))
