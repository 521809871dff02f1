"""Does the code of tonight still scale as that of the nights before? A sweep, its comparison, a page and a message."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

from apprise import Apprise, AppriseAttachment
from filelock import FileLock, Timeout

from src.config.nightly import NightlyConfig
from src.errors import FathomError
from src.report.night_page import night_page, summary
from src.scaling.laws import laws_named
from src.study.curves import curves_of
from src.study.nights import PointsOf, compare_exponents, compare_means, equal_points, judged, together, without_scatter
from src.sweeps.attempts import Outcome
from src.tracking.identity import run_key
from src.tracking.nights import Night, Verdict, accept_night, code_now, judged_nights
from src.tracking.query import points, studies
from src.tracking.runs import claim
from src.tracking.store import Store, open_existing, open_store
from src.tracking.tags import NIGHT

TRAIN = Path(__file__).parents[1] / "train.py"
DRIFT = 3  # good nights that a mean over the weeks needs

log = logging.getLogger(__name__)


def nightly(config: NightlyConfig) -> None:
    """Run tonight's sweep, hold it against the last good nights, say how it went.

    Raises FathomError where points failed or something is worse than chance explains, and where another nightly sweep
    of this store is still running.
    """
    laws = laws_named(config.laws)
    tracking = config.tracking
    if config.accept:
        existing = open_existing(tracking.uri, tracking.root, tracking.flush_seconds)
        accept_night(existing, config.study, config.accept)
        log.warning("%s counts as a good night from now on", config.accept)
        return
    store = open_store(tracking.uri, tracking.root, tracking.flush_seconds)
    folder = (config.out / config.night).absolute()  # a mail is read elsewhere
    folder.mkdir(parents=True, exist_ok=True)
    store.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(store.locks / f"{config.study}.nightly.lock", timeout=0):
            troubles = _sweep(config, folder / "log.txt")
    except Timeout:
        raise FathomError("a nightly sweep of this store is still running; this one does not start") from None

    good = _good_nights(store, config)
    nights = {night.date: _points(store, night.study) for night in good}
    codes = {**{night.date: night.code for night in good}, config.night: code_now()}
    tonight = _points(store, f"{config.study}-{config.night}")
    complete, rows = not troubles, []
    if nights:
        *_, (last, before) = nights.items()
        against = {f"{last}": before}
        if len(nights) >= DRIFT:
            against[f"mean of {len(nights)} nights from {next(iter(nights))}"] = together(list(nights.values()))
        if alone := ", ".join(without_scatter(tonight, before)):
            if complete:
                raise FathomError(
                    f"{alone}: one training set a size tells no change from chance; give the nightly sweep seed=0,1"
                )
            troubles.append(f"Too few points are left to compare {alone}.")
        for when, then in against.items():
            rows += compare_means(tonight, then, when, config.metrics)
            rows += compare_exponents(tonight, then, when, config.metrics, laws, config.replicates, config.seed)
    rows = judged(rows, config.level)
    verdict: Verdict = "incomplete" if not complete else "regression" if any(row.alarm for row in rows) else "good"

    *_, before = [{}, *nights.values()]
    equal = equal_points(tonight, before, config.metrics)
    shown = {**nights, config.night: tonight}
    text = night_page(config.night, verdict, rows, shown, codes, equal, config.level, config.metrics, troubles)
    (folder / "report.html").write_text(text, encoding="utf-8")
    said = summary(config.night, verdict, rows, codes, troubles)
    _record(store, config, verdict, [vars(row) for row in rows], tonight, folder)
    _forget(config)
    print(f"{said}\nreport: {folder / 'report.html'}")
    if config.notify and (verdict != "good" or config.notify_when == "always"):
        _notify(config.notify, said, folder / "report.html")
    if verdict == "regression":
        raise FathomError(
            f"the night of {config.night} is worse than the nights before: see {folder / 'report.html'}; "
            f"if that was meant, src/nightly.py accept={config.night}"
        )
    if verdict == "incomplete":
        raise FathomError(
            f"the night of {config.night} is incomplete: see {folder / 'log.txt'}; the same command goes on"
        )


def _sweep(config: NightlyConfig, output: Path) -> list[str]:
    """Run the sweep as the command that a user would give; what it says of points that are not complete, if any."""
    tracking = {"root": config.tracking.root, "uri": config.tracking.uri or "null"}
    command = [
        *(sys.executable, str(TRAIN), "-m", f"experiment={config.sweep}", f"study={config.study}-{config.night}"),
        *(f"tracking.{key}={value}" for key, value in tracking.items()),
        *config.overrides,
    ]
    with output.open("ab") as file:  # what an earlier start of tonight said stays
        begin = file.tell()
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if ended.returncode == 0:
        return []
    lines = output.read_bytes()[begin:].decode(errors="replace").splitlines()
    told = ("error: ", *(f"{outcome} " for outcome in Outcome if not outcome.good))
    reasons = [line for line in lines if line.startswith(told)]
    return [f"Points of tonight failed or are missing: see {output}.", *reasons]


def _good_nights(store: Store, config: NightlyConfig) -> list[Night]:
    """The good nights before tonight, the earliest first."""
    oldest = str(date.fromisoformat(config.night) - timedelta(days=config.days))
    good = [night for night in judged_nights(store, config.study) if night.verdict == "good"]
    return [night for night in good if oldest <= night.date < config.night]


def _points(store: Store, study: str) -> PointsOf:
    if study not in studies(store):
        return {}
    curves, _ = curves_of(points(store, study, with_items=True))
    return curves


def _record(
    store: Store,
    config: NightlyConfig,
    verdict: Verdict,
    rows: Sequence[dict[str, Any]],
    tonight: PointsOf,
    folder: Path,
) -> None:
    """The night as a run, from which later nights know that it was good."""
    keys = sorted(point.key for of in tonight.values() for point in of)
    key = run_key("night", night=config.night, points=keys, rows=[list(map(str, row.values())) for row in rows])
    params = {"night": config.night, "points": f"{config.study}-{config.night}", "level": config.level}
    name = f"night of {config.night}"
    with claim(store, key=key, kind="night", name=name, study=config.study, params=params) as run:
        if run.already_complete:
            return
        run.set_tags({NIGHT: verdict})
        run.log_artifacts(folder)
        run.log_table("comparisons", rows)
        run.complete({"night/points": len(keys), "night/alarms": sum(row["alarm"] for row in rows)})


def _forget(config: NightlyConfig) -> None:
    """Logs and reports of long ago go; what MLflow holds stays."""
    # Whatever else lies beside them is not ours.
    nights = sorted(folder for folder in config.out.glob("????-??-??") if (folder / "log.txt").is_file())
    for old in nights[: -config.keep]:
        rmtree(old)


def _notify(urls: str, said: str, report: Path) -> None:
    """By mail, chat or webhook. A message that does not get through changes no verdict."""
    to = Apprise()
    to.add(urls.split())
    title, *_ = said.splitlines()
    if not to.notify(body=said, title=f"Fathom: {title}", attach=AppriseAttachment(str(report))):
        log.warning("notify: the message was not delivered to all of the URLs")
