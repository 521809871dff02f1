"""What curves measured up to some n will give at a larger one, with intervals, all curves of a study helping each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from src.scaling.accuracies import UNSTATED_ITEMS, accuracy_points
from src.scaling.curve import Curve
from src.scaling.hedge import Hedge
from src.scaling.laws import shapes_for
from src.scaling.laws.law import Shape
from src.scaling.noise import difference
from src.scaling.pooled import PADDING, Observations, Pooled, padded, pool

DRAWS = 2000
# Chosen by bench/tournament.py from all its studies; it says how either does on a study that had no part in the choice.
HEDGE = Hedge(line=0.5, common=0.25)
CHECK_DRAWS = 400  # of the forecasts by which the intervals are checked, and of medians at what was measured
METHOD = (
    "Forecasts: the curves of a benchmark are fitted together, in ln(loss) or in the logit of the accuracy above "
    "chance, by several laws whose parameters are normal over the curves, plus an integrated Brownian motion for what "
    "a curve deviates and noise: of test items and seeds where known, else from the scatter. Spreads are estimated "
    "from the study (empirical Bayes), laws weighed by their evidence; "
    f"{DRAWS:,} draws give medians and intervals, widened where the largest sizes, forecast from the others, were "
    "farther off than said. Beyond the largest size forecasts lean towards the straight line through the last sizes "
    f"(weight up to {HEDGE.line:g}) and have an error common to the curves, {HEDGE.common:.0%} of the change that is "
    "forecast, as measured over other studies. n = 0 is left out."
)


@dataclass(frozen=True)
class Forecast:
    """The metric expected at n (the median) and the intervals of a new measurement there."""

    n: int
    value: float
    interval_50: tuple[float, float]
    interval_90: tuple[float, float]


@dataclass(frozen=True)
class CurveForecast:
    """One curve's forecasts; none where nothing was measured within the budget. `notes` are sentences.

    `law` is the one of the mixture that the study makes likeliest, `parameters` the curve's own in it.
    """

    curve: str
    law: str
    parameters: dict[str, float]
    forecasts: tuple[Forecast, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Mixture:
    """The shapes' fits with weights that sum to 1 (Bayesian model averaging over the whole study)."""

    members: tuple[Pooled, ...]
    weights: np.ndarray

    def draws(self, n: np.ndarray, count: int, seed: int, noise: bool = True) -> np.ndarray:
        """Draws of the latent value: as `Pooled.draws`, each member giving its share."""
        shares = np.diff(np.round(np.cumsum([0, *self.weights]) * count)).astype(int)
        chosen = zip(self.members, shares, strict=True)
        return np.concatenate([member.draws(n, share, seed, noise) for member, share in chosen if share])


@dataclass(frozen=True, eq=False)
class FittedStudy:
    """Curves fitted together, and by how much their intervals are to be widened."""

    points: Observations
    mixture: Mixture
    widening: float

    def latent(self, at: Sequence[int], seed: int, noise: bool, hedge: Hedge = HEDGE) -> np.ndarray:
        """Draws of the latent value at the sizes `at`, shape (DRAWS, curves, sizes), as `Pooled.draws`."""
        n = np.array(at, dtype=float)
        drawn = self.mixture.draws(n, DRAWS, seed, noise)
        middle = np.median(drawn, axis=0)
        widened = middle + (drawn - middle) * self.widening
        return hedge.beyond(widened, self.points, self.fitted, np.log(n), np.random.default_rng([seed, 1]))

    @cached_property
    def fitted(self) -> np.ndarray:
        """Medians of the mixture at the points, shape (curves, points)."""
        return np.median(self.mixture.draws(np.exp(self.points.x), CHECK_DRAWS, seed=0, noise=False), axis=0)


def mix(points: Observations, shapes: Sequence[Shape]) -> Mixture:
    """Fit every shape and weigh it by its evidence and prior."""
    members = tuple(pool(points, shape) for shape in shapes)
    evidence = np.array([member.evidence + np.log(member.shape.latent.prior) for member in members])
    return Mixture(members, softmax(evidence))


def widening(points: Observations, shapes: Sequence[Shape]) -> float:
    """By how much the intervals were too narrow where that can be seen, at least 1.

    The largest third of each curve's sizes is forecast from the rest; the answer is the root mean square of the errors
    in standard deviations of their forecasts. 1 where no curve has the four sizes that this needs.
    """
    counts = points.measured.sum(1)
    kept = counts - np.where(counts >= 4, counts // 3, 0)
    held = points.measured & (np.arange(points.x.shape[1]) >= kept[:, None])
    if not held.any():
        return 1.0
    drawn = mix(points.without(held), shapes).draws(np.exp(points.x), CHECK_DRAWS, seed=0)
    middle = np.median(drawn, axis=0)
    seen = points.about(middle)
    off = (seen.y - middle) / np.sqrt(drawn.var(axis=0) + seen.variance)
    return max(1.0, float(np.sqrt((off[held] ** 2).mean())))


def forecast(
    curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0
) -> list[CurveForecast]:
    """Forecast each curve at the sizes `at` from its sizes up to `fit_up_to`; the rest of it is not looked at.

    The curves must be of one kind and are pooled: give those of one task, over models. The base model (n = 0) is left
    out: what it lacks is mostly the task's format.
    """
    answers: dict[int, CurveForecast] = {}
    for group in _groups(curves, fit_up_to):
        answers |= dict(zip(group, _together([curves[index] for index in group], at, fit_up_to, seed), strict=True))
    return [answers.get(index) or nothing(curve.name) for index, curve in enumerate(curves)]


def draws(curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0) -> np.ndarray:
    """Joint draws of what each curve's metric is at the sizes `at`, without a measurement's noise: as `forecast`.

    Shape (DRAWS, curves, sizes); NaN for a curve that has nothing measured within the budget.
    """
    made = np.full((DRAWS, len(curves), len(at)), np.nan)
    for group in _groups(curves, fit_up_to):
        study = fit_study([curves[index] for index in group], fit_up_to)
        made[:, group] = study.points.metric(study.latent(at, seed, noise=False))
    return made


def summarised(values: np.ndarray, at: Sequence[int]) -> tuple[Forecast, ...]:
    """Draws of measurements at the sizes `at`, shape (draws, sizes), as forecasts."""
    ends = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    return tuple(
        Forecast(int(n), float(middle), (float(b), float(c)), (float(a), float(d)))
        for n, (a, b, middle, c, d) in zip(at, ends.T, strict=True)
    )


def nothing(name: str) -> CurveForecast:
    """The answer for a curve that has no point to forecast from."""
    return CurveForecast(name, "none", {}, (), ("nothing usable was measured at n ≥ 1 within the budget: no forecast",))


def _groups(curves: Sequence[Curve], fit_up_to: float) -> list[list[int]]:
    """The places of the curves that are pooled: those that get worse are no evidence on how the others improve."""
    usable = [index for index, curve in enumerate(curves) if _within(curve, fit_up_to).any()]
    worse = [index for index in usable if _gets_worse(curves[index], fit_up_to)]
    return [group for group in ([index for index in usable if index not in worse], worse) if group]


def _together(curves: Sequence[Curve], at: Sequence[int], fit_up_to: float, seed: int) -> list[CurveForecast]:
    study = fit_study(curves, fit_up_to)
    values = study.points.with_noise(study.latent(at, seed, noise=True), np.random.default_rng(seed))
    return [
        _of_curve(curve, study.mixture, index, values[:, index], at, fit_up_to) for index, curve in enumerate(curves)
    ]


def fit_study(curves: Sequence[Curve], fit_up_to: float = math.inf) -> FittedStudy:
    """Fit curves of one kind together, each with a size n ≥ 1 up to `fit_up_to`."""
    kind, within = curves[0].kind, [curve.between(1, fit_up_to) for curve in curves]
    if kind == "accuracy":
        points: Observations = accuracy_points(within)
    else:
        points = _loss_points([c.between(1, c.sizes[-2]) if _made_monotone(c) else c for c in within])
    shapes = shapes_for(kind)
    return FittedStudy(points, mix(points, shapes), widening(points, shapes))


def _made_monotone(curve: Curve) -> bool:
    """Whether losses look like the best so far or an isotonic fit: six or more that never rise, repeated exactly twice.

    The last of these is too low: a record is the luckiest of several measurements, and isotonic regression is biased at
    its ends (Pal 2008, "Spiking problem in monotone regression").
    """
    steps = np.diff(curve.means)
    return curve.kind == "loss" and len(steps) >= 5 and bool((steps <= 0).all() and (steps == 0).sum() >= 2)


def _within(curve: Curve, fit_up_to: float) -> np.ndarray:
    return (curve.sizes >= 1) & (curve.sizes <= fit_up_to)


def _gets_worse(curve: Curve, fit_up_to: float) -> bool:
    """By more than two standard errors where these are known."""
    used = curve.between(1, fit_up_to)
    first, last = used.means[[0, -1]]
    stderr, _ = difference(used.noise, 0, used.noise, len(used.sizes) - 1)
    return bool((first - last if curve.kind == "accuracy" else last - first) > 2 * stderr)


def _loss_points(curves: Sequence[Curve]) -> Observations:
    known = [np.zeros(len(c.sizes)) if c.standard_errors is None else c.standard_errors for c in curves]
    return Observations(
        x=padded([np.log(curve.sizes) for curve in curves]),
        y=padded([np.log(curve.means) for curve in curves]),
        variance=padded([(error / curve.means) ** 2 for curve, error in zip(curves, known, strict=True)], PADDING),
    )


def _of_curve(
    curve: Curve, mixture: Mixture, index: int, values: np.ndarray, at: Sequence[int], fit_up_to: float
) -> CurveForecast:
    likeliest = mixture.members[int(mixture.weights.argmax())]
    law, parameters = likeliest.shape.law.name, likeliest.shape.named(likeliest.theta[index])
    return CurveForecast(curve.name, law, parameters, summarised(values, at), _notes(curve, fit_up_to))


def _notes(curve: Curve, fit_up_to: float) -> tuple[str, ...]:
    within = _within(curve, fit_up_to)
    sizes = curve.sizes[within]
    notes = []
    if (curve.sizes == 0).any():
        notes.append("n=0 left out: what the base lacks is mostly the task's format")
    if len(sizes) < 4:
        count = f"{len(sizes)} size" + "s" * (len(sizes) > 1)
        notes.append(f"only {count} within the budget: the forecast rests on the other curves and the prior")
    if curve.seeds[within].max() < 2 and curve.standard_errors is None:
        assumed = f", beside that of {UNSTATED_ITEMS:,} test items" if curve.kind == "accuracy" else ""
        notes.append(
            f"a single seed and no standard errors: the noise is taken from the scatter about the law{assumed}"
        )
    if _made_monotone(curve.between(1, fit_up_to)):
        notes.append(
            f"never rises and repeats values exactly, as the best so far does: n={sizes[-1]:g} is left out, since a "
            "last record is too low"
        )
    if _gets_worse(curve, fit_up_to):
        notes.append(
            f"gets worse from n={sizes[0]:g} to {sizes[-1]:g}; the laws describe improvement: do not trust this"
        )
    return tuple(notes)
