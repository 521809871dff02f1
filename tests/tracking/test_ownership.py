"""Who works on a key when several hosts want it, and what a lost answer of the store does."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any, cast

import pytest
import requests
from mlflow import MlflowClient

from src.tracking import tags as tag
from src.tracking.client import PatientClient
from src.tracking.ownership import (
    DEAD_AFTER_SECONDS,
    HEARTBEAT_SECONDS,
    POLL_SECONDS,
    SETTLE_SECONDS,
    make_run,
    new_owner,
    runs_of_key,
    take,
)
from src.tracking.runs import claim
from src.tracking.store import Store
from src.tracking.sweeps import open_sweep


class Clock:
    """The time of this host as ownership.py sees it: it passes while that sleeps, and the world goes on meanwhile."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.world: Callable[[], None] = lambda: None
        self._began = time.time()

    def time(self) -> float:
        return self._began + self.passed

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.world()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("src.tracking.ownership.time", clock)
    return clock


def claimed(store: Store, key: str = "k1") -> Any:
    return claim(store, key=key, kind="finetune", name="p", study="s")


class OtherHost:
    """A process on another host that owns the run of a key and is alive until `dies`; it completes after `works`.

    Its clock is `ahead` by so many seconds; all times are in seconds of ours.
    """

    def __init__(self, store: Store, clock: Clock, *, ahead: float = 0.0, works: float = inf, dies: float = inf):
        self._store, self._clock, self._ahead, self._works, self._dies = store, clock, ahead, works, dies
        self._beat = clock.passed
        tags = {tag.KIND: "finetune", tag.KEY: "k1", tag.OWNER: "elsewhere:1:abc", tag.HEARTBEAT: self._says()}
        self.run_id = str(store.client.create_run(store.experiment("s"), tags=tags).info.run_id)

    def goes_on(self) -> None:
        if self._clock.passed >= self._dies:
            return
        if self._clock.passed >= self._works:
            self._store.client.set_tag(self.run_id, tag.COMPLETE, "true")
        elif self._clock.passed - self._beat >= HEARTBEAT_SECONDS:
            self._beat = self._clock.passed
            self._store.client.set_tag(self.run_id, tag.HEARTBEAT, self._says())

    def _says(self) -> str:
        return str(self._clock.time() + self._ahead)


@pytest.mark.parametrize(("down_for", "waited"), [(0, 120), (100, 60), (10_000, 60)])
def test_a_dead_owner_on_another_host_is_succeeded(store: Store, clock: Clock, down_for: float, waited: float) -> None:
    run_id = OtherHost(store, clock).run_id
    clock.passed += down_for
    with claimed(store) as run:
        assert (run.id, run.resumed) == (run_id, True)
        run.complete()
    assert clock.passed - down_for == pytest.approx(waited, abs=POLL_SECONDS)


def test_a_live_owner_on_another_host_is_waited_for(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    other = OtherHost(store, clock, works=200)
    clock.world = other.goes_on
    with claimed(store) as run:
        assert (run.id, run.already_complete) == (other.run_id, True)
    assert clock.passed == pytest.approx(200, abs=POLL_SECONDS)
    assert caplog.text.count("another machine is at work on it") == 1
    assert "clock" not in caplog.text


@pytest.mark.parametrize(("ahead", "said"), [(-900, "900 s behind"), (900, "900 s ahead of")])
def test_clocks_that_disagree_are_noticed_and_take_no_point_from_who_lives(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture, ahead: float, said: str
) -> None:
    other = OtherHost(store, clock, ahead=ahead, works=200)
    clock.world = other.goes_on
    with claimed(store) as run:
        assert (run.id, run.already_complete) == (other.run_id, True)
    assert clock.passed == pytest.approx(200, abs=POLL_SECONDS)
    assert caplog.text.count(f"the clock of elsewhere is {said} the one of this machine") == 1


def test_one_that_died_with_its_clock_ahead_is_succeeded(store: Store, clock: Clock) -> None:
    run_id = OtherHost(store, clock, ahead=900).run_id
    with claimed(store) as run:
        assert (run.id, run.resumed) == (run_id, True)
        run.complete()
    assert clock.passed == pytest.approx(DEAD_AFTER_SECONDS, abs=POLL_SECONDS)


def test_an_owner_who_could_not_write_while_the_store_was_away_is_not_dead(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    other = OtherHost(store, clock, works=800)

    def away_for_ten_minutes() -> None:
        if clock.passed < 600:
            clock.passed += 600  # in which the client waited; the other's is not quicker than ours
        else:
            other.goes_on()

    clock.world = away_for_ten_minutes
    with claimed(store) as run:
        assert (run.id, run.already_complete) == (other.run_id, True)
    assert "clock" not in caplog.text


def test_a_run_that_was_long_in_the_making_gives_way_to_who_began_meanwhile(store: Store, clock: Clock) -> None:
    others = []

    class Slow(MlflowClient):
        def create_run(self, *args: Any, **kwargs: Any) -> Any:
            made = super().create_run(*args, **kwargs)  # the first, and nobody could see it in time
            clock.passed += 2 * SETTLE_SECONDS
            others.append(OtherHost(store, clock, works=100))
            clock.world = others[0].goes_on
            return made

    client = cast(MlflowClient, Slow(tracking_uri=store.uri))
    on_a_server = replace(store, client=client, uri="http://shared")
    run, existed = take(on_a_server, store.experiment("s"), "k1", "p", new_owner(), {tag.KIND: "finetune"})
    assert (run.info.run_id, existed) == (others[0].run_id, True)
    assert [one.info.run_id for one in runs_of_key(store, store.experiment("s"), "k1")] == [run.info.run_id]


def test_what_another_host_left_of_a_key_goes_when_the_key_completes(store: Store, clock: Clock) -> None:
    with claimed(store) as run:
        OtherHost(store, clock, dies=0)  # before it saw that ours was first
        run.complete()
    assert [run.info.run_id for run in runs_of_key(store, store.experiment("s"), "k1")] == [run.id]


class Deafened(MlflowClient):
    """A client that does what it is asked, and does not hear the first answer to each kind of request in `lost`."""

    lost: set[str]

    def create_run(self, *args: Any, **kwargs: Any) -> Any:
        return self._heard("create_run", super().create_run(*args, **kwargs))

    def delete_tag(self, *args: Any, **kwargs: Any) -> Any:
        return self._heard("delete_tag", super().delete_tag(*args, **kwargs))

    def _heard(self, name: str, answer: Any) -> Any:
        if name in self.lost:
            self.lost.remove(name)
            raise requests.exceptions.ChunkedEncodingError("Connection broken: IncompleteRead")
        return answer


@pytest.fixture
def deafened(store: Store) -> Store:
    """The store behind a line on which the first answer of a kind is lost, asked with patience."""
    client = Deafened(tracking_uri=store.uri)
    client.lost = {"create_run", "delete_tag"}
    return replace(store, client=cast(MlflowClient, PatientClient(client, store.uri, store.root, 60.0)))


def test_an_answer_that_is_lost_makes_no_second_run(deafened: Store) -> None:
    experiment = deafened.experiment("s")
    run = make_run(deafened, experiment, "k1", "p", new_owner(), {})
    assert [one.info.run_id for one in runs_of_key(deafened, experiment, "k1")] == [run.info.run_id]


def test_a_tag_whose_removal_was_not_heard_of_is_no_error(deafened: Store) -> None:
    open_sweep(deafened, "s", "k1", "a sweep").close("FINISHED")
    again = open_sweep(deafened, "s", "k1", "a sweep")
    assert tag.COMPLETE not in deafened.client.get_run(again.id).data.tags
