"""A study's curves, each diagnosed, fitted, given intervals and checked by a forecast of its largest size."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from src.scaling.bootstrap import METHOD as INTERVALS
from src.scaling.bootstrap import Bootstrap, bootstrap
from src.scaling.curve import Curve
from src.scaling.diagnose import refusal
from src.scaling.fit import METHOD as FITTING
from src.scaling.fit import Fit, fit_law, points_needed, unidentified
from src.scaling.joint import METHOD as JOINT_FITTING
from src.scaling.joint import JointAnalysis, SizedCurves, analyse_joint
from src.scaling.laws import LAWS
from src.scaling.laws.law import Law


@dataclass(frozen=True)
class HoldOut:
    """The forecast check: the largest size as forecast by a law fitted to the others, in the metric."""

    n: int
    predicted: float
    interval: tuple[float, float]
    measured: float

    @property
    def inside(self) -> bool:
        """Whether the measured mean lies in the interval."""
        return self.interval[0] <= self.measured <= self.interval[1]


@dataclass(frozen=True, eq=False)
class LawAnalysis:
    """One law on one curve: the fit with its replicates, and the check. Without a fit, `notes` says why."""

    law: Law
    bootstrap: Bootstrap | None
    hold_out: HoldOut | None
    notes: tuple[str, ...]

    @cached_property
    def unidentified(self) -> Set[str]:
        """The parameters of which the curve tells no value."""
        if self.bootstrap is None:
            return frozenset()
        return unidentified(self.bootstrap.fit, self.bootstrap.parameter_intervals())


@dataclass(frozen=True, eq=False)
class CurveAnalysis:
    """A curve with each of its laws, or the sentence that refuses it."""

    curve: Curve
    refusal: str | None
    laws: tuple[LawAnalysis, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table of exponents, as text; `parameters` maps name to value with its interval."""

    curve: str
    metric: str
    law: str
    parameters: dict[str, str]
    r_squared: str
    hold_out: str
    note: str


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """All curves of a study, and those of several model sizes. `methods` states how the numbers were made."""

    curves: tuple[CurveAnalysis, ...]
    joint: tuple[JointAnalysis, ...]
    confidence: float
    methods: str

    def rows(self) -> list[Row]:
        """The table: a row per curve and law, or one per refused curve, and a row per law over sizes."""
        over = [_joint_row(made, self.confidence) for made in self.joint]
        return [row for analysis in self.curves for row in _rows(analysis)] + over


def analyse(
    curves: Sequence[Curve],
    replicates: int = 1000,
    confidence: float = 0.9,
    seed: int = 0,
    laws: Sequence[Law] = LAWS,
    sized: Sequence[SizedCurves] = (),
) -> StudyAnalysis:
    """Diagnose each curve, fit each law meant for it, resample, hold out the largest size.

    Laws over sizes are fitted to `sized`. The same curves, laws, replicates, confidence and seed give the same numbers.
    """
    done = tuple(_analyse_curve(curve, laws, replicates, confidence, seed) for curve in curves)
    over = [law for law in laws if law.over_sizes]
    joint = [analyse_joint(on, law, seed) for on in sized for law in over if on.curves[0].kind in law.quantities]
    resampled = f"{replicates} replicates, {confidence:.0%} intervals, random seed {seed}."
    methods = " ".join([FITTING, INTERVALS, resampled, *([JOINT_FITTING] if joint else [])])
    return StudyAnalysis(done, tuple(joint), confidence, methods)


def _analyse_curve(curve: Curve, laws: Sequence[Law], replicates: int, confidence: float, seed: int) -> CurveAnalysis:
    meant = [law for law in laws if curve.kind in law.quantities]
    if not meant:
        asked = ", ".join(law.name for law in laws)
        return CurveAnalysis(curve, f"none of the laws asked for ({asked}) is meant for {curve.kind}", ())
    of_one = [law for law in meant if not law.over_sizes]
    refused = refusal(curve, of_one) if of_one else None
    if refused:
        return CurveAnalysis(curve, refused, ())
    done = tuple(_analyse_law(curve, law, replicates, confidence, seed) for law in of_one)
    return CurveAnalysis(curve, None, done)


def _analyse_law(curve: Curve, law: Law, replicates: int, confidence: float, seed: int) -> LawAnalysis:
    sizes = int((curve.sizes >= law.smallest_n).sum())
    if sizes < points_needed(law):
        return LawAnalysis(law, None, None, (f"too few points: {sizes}, needs {points_needed(law)}",))
    fit = fit_law(curve, law)
    sample = bootstrap(curve, fit, replicates, confidence, seed)
    check = hold_out(curve, law, replicates, confidence, seed)
    check_note = None if check else "too few points to hold one out"
    return LawAnalysis(law, sample, check, (*fit.notes, *(n for n in (sample.note, check_note) if n)))


def hold_out(curve: Curve, law: Law, replicates: int, confidence: float, seed: int) -> HoldOut | None:
    """Forecast the largest size from the smaller ones. None where those are too few for the law."""
    if int((curve.sizes >= law.smallest_n).sum()) - 1 < points_needed(law):
        return None
    smaller, at = curve.between(0, curve.sizes[-2]), curve.sizes[-1:]
    fit = fit_law(smaller, law)
    low, high = bootstrap(smaller, fit, replicates, confidence, seed).forecast(at)[:, 0]
    return HoldOut(int(at[0]), float(fit.predict(at)[0]), (float(low), float(high)), float(curve.means[-1]))


def _rows(analysis: CurveAnalysis) -> list[Row]:
    curve = analysis.curve
    if analysis.refusal:
        return [Row(curve.name, curve.metric, "–", {}, "–", "–", analysis.refusal)]
    return [_row(curve, result) for result in analysis.laws]


def _row(curve: Curve, result: LawAnalysis) -> Row:
    where, note = (curve.name, curve.metric, result.law.name), "; ".join(result.notes)
    if result.bootstrap is None:
        return Row(*where, {}, "–", "–", note)
    fit = result.bootstrap.fit
    parameters = _parameters(fit, result.bootstrap.parameter_intervals(), result.unidentified)
    return Row(*where, parameters, f"{fit.r_squared:.3f}", _check(result.hold_out), note)


def _joint_row(of: JointAnalysis, confidence: float) -> Row:
    where, note = (of.on.name, of.on.curves[0].metric, of.law.name), "; ".join(of.notes)
    if of.made is None:
        return Row(*where, {}, "–", "–", note)
    intervals = of.made.intervals(confidence)
    parameters = _parameters(of.made.fit, intervals, unidentified(of.made.fit, intervals))
    check = of.check
    said = (
        "–"
        if check is None
        else (
            f"{check.held_out} points of the largest size × n: RMS log error {check.off:.3g}, "
            f"{check.ratio:.2g} times what was expected"
        )
    )
    return Row(*where, parameters, f"{of.made.fit.r_squared:.3f}", said, note)


def _parameters(fit: Fit, intervals: np.ndarray, unidentified: Set[str] = frozenset()) -> dict[str, str]:
    return {
        name: f"{'not identifiable' if name in unidentified else f'{value:.4g}'} [{low:.3g}, {high:.3g}]"
        for (name, value), (low, high) in zip(fit.named.items(), intervals, strict=True)
    }


def _check(held: HoldOut | None) -> str:
    if held is None:
        return "–"
    low, high = held.interval
    verdict = "inside" if held.inside else "outside"
    return (
        f"n={held.n}: predicted {held.predicted:.3g} [{low:.3g}, {high:.3g}], measured {held.measured:.3g}, {verdict}"
    )
