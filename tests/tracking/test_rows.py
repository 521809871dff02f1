"""Complete runs that are remembered: what a reading gives is what the store has, whatever was remembered."""

from collections.abc import Callable, Iterable

import pytest

from src.tracking import rows
from src.tracking import tags as tag
from src.tracking.query import _rows_from_api
from src.tracking.rows import Row, remembered_rows
from src.tracking.store import Store

LONG_AGO = 1_600_000_000_000  # ms since 1970


@pytest.fixture
def complete(store: Store) -> Callable[..., str]:
    """complete("a"): the id of a complete run of the key."""

    def make(key: str, **ended: int) -> str:
        tags = {tag.KIND: "finetune", tag.KEY: key, tag.COMPLETE: "true"}
        run_id = str(store.client.create_run(store.experiment("s"), tags=tags).info.run_id)
        store.client.log_param(run_id, "seed", key)
        store.client.log_metric(run_id, "eval/nll", float("nan"))
        store.client.set_terminated(run_id, **ended)
        return run_id

    return make


class Reading:
    """`reading()` gives the keys of all complete runs; `read` has the keys that were asked of the store for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read: list[str] = []

    def __call__(self) -> list[str]:
        self.read = []
        experiment = self._store.experiment("s")
        found = remembered_rows(self._store, experiment, self._read)
        stored = sorted(map(str, _rows_from_api(self._store, experiment)))
        assert sorted(map(str, found)) == stored  # as text, in which nan is nan
        return sorted(row.key for row in found)

    def _read(self, further: str) -> Iterable[Row]:
        found = list(_rows_from_api(self._store, self._store.experiment("s"), further))
        self.read += sorted(row.key for row in found)
        return found


@pytest.fixture
def reading(store: Store, monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setattr(rows, "IDS_A_REQUEST", 3)
    return Reading(store)


def test_what_was_read_is_read_no_more(reading: Reading, complete: Callable[..., str]) -> None:
    assert reading() == reading() == []
    for place, key in enumerate("abcdefg"):
        complete(key, end_time=LONG_AGO + 1_000_000 * place)
    assert reading() == reading.read == list("abcdefg")
    assert reading() == list("abcdefg")
    assert reading.read == ["g"]  # as new as the newest: others of its time may have come
    complete("h")
    assert reading() == list("abcdefgh")
    assert reading.read == ["g", "h"]
    assert reading() == list("abcdefgh")
    assert reading.read == ["h"]


def test_what_is_gone_or_complete_no_more_is_not_told(
    store: Store, reading: Reading, complete: Callable[..., str]
) -> None:
    ids = {key: complete(key, end_time=LONG_AGO) for key in "abcdefg"}
    reading()
    store.client.delete_run(ids["b"])
    store.client.set_tag(ids["e"], tag.COMPLETE, "no more")
    assert reading() == list("acdfg")
    store.client.restore_run(ids["b"])
    assert reading() == list("abcdfg")
    for run_id in ids.values():
        store.client.delete_run(run_id)
    assert reading() == []


def test_one_that_ended_long_before_the_newest_is_found(reading: Reading, complete: Callable[..., str]) -> None:
    complete("b")
    reading()
    complete("a", end_time=LONG_AGO)
    assert reading() == ["a", "b"]
    assert reading() == ["a", "b"]
    assert reading.read == ["b"]


def test_a_run_without_its_end_is_read_again(store: Store, reading: Reading, complete: Callable[..., str]) -> None:
    complete("a", end_time=LONG_AGO)
    died = complete("b")
    store.client.update_run(died, status="RUNNING")
    reading()
    store.client.set_terminated(died)
    assert reading() == ["a", "b"]


def test_a_memory_that_was_cut_short_or_is_of_another_version_is_read_anew(
    store: Store, reading: Reading, complete: Callable[..., str]
) -> None:
    for key in "abc":
        complete(key, end_time=LONG_AGO)
    reading()
    (file,) = (store.root / "known").iterdir()
    first, second, _ = file.read_text().splitlines()
    file.write_text(f'{first}\n{second[:20]}\n{{"other": 1}}\n')
    assert reading() == list("abc")
    assert reading() == list("abc")
