"""Which of several bases will be best at n: the curves of a file, or of each benchmark of a study, ranked."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from src.config.select import SelectFromFileConfig, SelectFromStudyConfig, Selection
from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.joint_draws import NINETY, Candidate, ExamplesNeeded, JointDraws, draw_jointly, next_n
from src.scaling.pooled_forecast import notes_on
from src.scaling.ranking import Ranked, pearson, rank, relative_accuracy
from src.scaling.read_csv import read_curves
from src.scaling.superficial import Superficial, superficial
from src.study.curves import curves_of, measured
from src.study.point_files import study_points

console = Console()
MANY = 50  # curves that one waits for


@dataclass(frozen=True)
class Choice:
    """A curve's place in a ranking; its forecast at n is without the noise of a measurement.

    `candidates` are what could be measured before n, `next_n` is the one that narrows the forecast most for its cost.
    `notes` are sentences on the file's rows and on the forecast.
    """

    curve: str
    value: float
    interval_90: tuple[float, float]
    expected: float
    probability_best: float
    regret: float
    examples_needed: ExamplesNeeded | None
    next_n: Candidate | None
    candidates: list[Candidate]
    saturation: Superficial
    notes: list[str]


@dataclass(frozen=True)
class Outcome:
    """How good the choice was, over the curves that were measured at n though the forecast did not look there."""

    curves: int
    selected: str
    best: str
    pearson: float | None
    relative_accuracy: float


@dataclass(frozen=True)
class Ranking:
    """One benchmark's curves, the best first; `left_out` are those that have nothing to forecast from."""

    benchmark: str
    metric: str
    at: int
    choices: list[Choice]
    left_out: list[str]
    outcome: Outcome | None


def select_from_file(config: SelectFromFileConfig) -> None:
    """Rank the curves of a CSV file, print them and write them to `out`."""
    curves, notes = read_curves(config.source.path, config.metric)
    unread = {name: of for name, of in notes.items() if name not in {curve.name for curve in curves}}
    for name, of in unread.items():
        console.print(f"{name}: {'; '.join(of)}", style="dim", markup=False)
    _answer([_ranking(config.source.path.stem, curves, config, notes)], config)


def select_from_study(config: SelectFromStudyConfig) -> None:
    """Rank the curves of each benchmark of a study, print them and write them to `out`."""
    points_of, _ = curves_of(study_points(config.source, config.study, config.tracking))
    groups: dict[str, list[Curve]] = {}
    for curve in measured(config.metric, points_of):
        groups.setdefault(points_of[curve.name][0].benchmark, []).append(curve)
    limit = config.fit_up_to or math.inf
    reached = {of: curves for of, curves in groups.items() if any(1 <= n <= limit for c in curves for n in c.sizes)}
    for benchmark in sorted(groups.keys() - reached.keys()):
        console.print(f"{benchmark}: nothing was measured within the budget", markup=False)
    # Where none is reached, the first one says so.
    _answer([_ranking(benchmark, curves, config, {}) for benchmark, curves in (reached or groups).items()], config)


def _answer(rankings: Sequence[Ranking], config: Selection) -> None:
    config.out.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps([asdict(ranking) for ranking in rankings], indent=1, ensure_ascii=False)
    config.out.write_text(written + "\n", encoding="utf-8")
    for ranking in rankings:
        console.print(_table(ranking))
        if ranking.left_out:
            console.print(f"nothing was measured within the budget on {', '.join(ranking.left_out)}", markup=False)
        if ranking.outcome:
            console.print(_sentence(ranking.outcome, ranking.at), markup=False)
        for note in dict.fromkeys(note for choice in ranking.choices for note in choice.notes):
            having = [choice.curve for choice in ranking.choices if note in choice.notes]
            where = "every curve" if len(having) == len(ranking.choices) > 1 else ", ".join(having)
            console.print(f"{where}: {note}", style="dim", markup=False)
    console.print(f"rankings: {config.out}")


def _ranking(benchmark: str, curves: Sequence[Curve], config: Selection, read: Mapping[str, Sequence[str]]) -> Ranking:
    """`read` are notes by curve on how its rows were read."""
    kind = curves[0].kind
    if config.target is not None and kind == "accuracy" and config.target > 1:
        raise FathomError(f"target: an accuracy lies between 0 and 1 (given: {config.target:g}); 80 % is 0.8")
    limit = config.fit_up_to or math.inf
    drawn = draw_jointly(curves, [config.at], limit, config.seed)
    notes = {curve.name: [*read.get(curve.name, ()), *notes_on(curve, limit)] for curve in curves}
    ranked = rank(drawn.at(config.at), kind)
    choices = [
        _choice(drawn, of, config, notes[drawn.curves[of.index].name])
        for of in track(ranked, "curves ranked", console=console, transient=True, disable=len(ranked) < MANY)
    ]
    left_out = {curve.name for curve in curves} - {choice.curve for choice in choices}
    outcome = _outcome(choices, curves, config.at) if config.at > limit else None
    return Ranking(benchmark, curves[0].metric, config.at, choices, sorted(left_out), outcome)


def _choice(drawn: JointDraws, ranked: Ranked, config: Selection, notes: list[str]) -> Choice:
    index = ranked.index
    low, value, high = np.quantile(drawn.of(index, config.at), [NINETY[0], 0.5, NINETY[1]])
    candidates = drawn.candidates(index, config.at)
    return Choice(
        drawn.curves[index].name,
        float(value),
        (float(low), float(high)),
        ranked.expected,
        ranked.probability_best,
        ranked.regret,
        None if config.target is None else drawn.examples_needed(index, config.target),
        next_n(candidates) if candidates else None,
        candidates,
        superficial(drawn.curves[index]),
        notes,
    )


def _outcome(choices: Sequence[Choice], curves: Sequence[Curve], at: int) -> Outcome | None:
    measured_at = {curve.name: float(curve.means[curve.sizes == at][0]) for curve in curves if at in curve.sizes}
    known = [choice for choice in choices if choice.curve in measured_at]
    if len(known) < 2:
        return None
    kind = curves[0].kind
    predicted = [choice.expected for choice in known]
    truth = [measured_at[choice.curve] for choice in known]
    best = known[int(np.argmax(truth) if kind == "accuracy" else np.argmin(truth))].curve
    share = relative_accuracy(predicted, truth, kind)
    return Outcome(len(known), known[0].curve, best, pearson(predicted, truth), share)


def _table(ranking: Ranking) -> Table:
    table = Table(title=f"{ranking.benchmark}: {ranking.metric} at n = {ranking.at:,}")
    headings = ["curve", "forecast", "90 % interval", "best with", "regret", "next n to measure"]
    needed = [choice.examples_needed for choice in ranking.choices]
    if needed[0] is not None:
        headings.insert(5, f"n for {needed[0].target:g}")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for choice in ranking.choices:
        table.add_row(
            choice.curve,
            f"{choice.value:.4g}",
            "{:.4g} – {:.4g}".format(*choice.interval_90),
            f"{choice.probability_best:.0%}",
            f"{choice.regret:.2g}",
            *([] if choice.examples_needed is None else [str(choice.examples_needed)]),
            "–" if choice.next_n is None else _narrowed(choice.next_n),
        )
    return table


def _narrowed(candidate: Candidate) -> str:
    return f"{candidate.n:,} (± {candidate.now:.2g} → {candidate.after:.2g})"


def _sentence(outcome: Outcome, at: int) -> str:
    correlation = "" if outcome.pearson is None else f"Pearson {outcome.pearson:.3f}, "
    return (
        f"measured at n = {at:,} on {outcome.curves} curves: {correlation}relative accuracy of the choice "
        f"{outcome.relative_accuracy:.3f}; chosen {outcome.selected}, best {outcome.best}"
    )
