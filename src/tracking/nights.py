"""The verdicts of nightly sweeps: a run of kind `night` each, whose tag says how the night went."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from src.errors import FathomError
from src.tracking import tags as tag
from src.tracking.ownership import set_tags
from src.tracking.provenance import provenance
from src.tracking.store import Store
from src.tracking.sweeps import all_runs

Verdict = Literal["good", "regression", "incomplete"]


@dataclass(frozen=True)
class Night:
    """A night that was judged. `study` has its points; `code` is that which judged it, as `code_now` has it."""

    date: str
    study: str
    verdict: str
    run_id: str
    code: str


def code_now() -> str:
    """The commit of this checkout, and whether it has changes beside; empty outside git."""
    return _code(provenance())


def judged_nights(store: Store, study: str) -> list[Night]:
    """The nights of a study by date, of a night that was judged several times the last."""
    by_date = {night.date: night for night in _judged(store, study)}
    return [by_date[date] for date in sorted(by_date)]


def accept_night(store: Store, study: str, date: str) -> None:
    """Let a night count as good from now on. Raises FathomError for one that was not judged or is incomplete."""
    nights = {night.date: night for night in judged_nights(store, study)}
    if date not in nights:
        raise FathomError(f"accept: {date} is no night of study {study}; there are {', '.join(nights) or 'none yet'}")
    if nights[date].verdict == "incomplete":
        raise FathomError(f"accept: the night of {date} is incomplete; run it again: src/nightly.py night={date}")
    set_tags(store, nights[date].run_id, {tag.NIGHT: "good"})


def _judged(store: Store, study: str) -> Iterator[Night]:
    wanted = f"tags.`{tag.KIND}` = 'night' and tags.`{tag.COMPLETE}` = 'true'"
    for run in sorted(all_runs(store, study, wanted), key=lambda run: run.info.end_time or 0):
        params, tags = run.data.params, run.data.tags
        yield Night(params["night"], params["points"], tags[tag.NIGHT], run.info.run_id, _code(tags))


def _code(tags: Mapping[str, str]) -> str:
    changes = " with uncommitted changes" if tags.get(tag.DIRTY) == "true" else ""
    return f"commit {tags[tag.COMMIT][:10]}{changes}" if tag.COMMIT in tags else ""
