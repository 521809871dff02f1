"""What curves measured up to some n will give at a larger one, with intervals, all curves of a study helping each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from src.scaling.accuracies import UNSTATED_ITEMS, accuracy_points
from src.scaling.common_error import CommonError
from src.scaling.curve import Curve
from src.scaling.irregular import without_wild, worsening
from src.scaling.laws import shapes_for
from src.scaling.laws.law import Shape
from src.scaling.pooled import PADDING, ROUNDS, TRIES, Observations, Pooled, padded, pool

DRAWS = 2000
COMMON = CommonError(share=0.13, straight=0.1)  # what bench/tournament.py says from all its studies
CHECK_DRAWS = 400  # of the forecasts by which the intervals are checked, and of medians at what was measured
AT_A_TIME = 4_000_000  # values drawn: those of many curves at many sizes do not fit in memory together
NO_MATTER = 0.05  # a weight of laws below which nothing is said of them
NO_TELLING = 100  # a factor between the ends of a loss's 90 % interval
METHOD = (
    "Forecasts: the curves of a benchmark are fitted together, in ln(loss) or in the logit of the accuracy above "
    "chance, by several laws whose parameters are normal over the curves, plus an integrated Brownian motion for what "
    "a curve deviates and noise: of test items and seeds where known, else from the scatter. Spreads are estimated "
    "from the study (empirical Bayes), laws weighed by their evidence; "
    f"{DRAWS:,} draws give medians and intervals, widened where the largest sizes, forecast from the others, were "
    "farther off than said. Beyond the largest size the curves have errors in common, as measured over other studies: "
    f"for each unit of ln n their slopes go astray by some {COMMON.share:.0%} of what is forecast, and they some "
    f"{COMMON.straight:.0%} of the way to the straight line through the last two sizes. n = 0 is left out."
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

    def only(self, curves: slice) -> "Mixture":
        """Some of the curves: as `Pooled.only`."""
        return Mixture(tuple(member.only(curves) for member in self.members), self.weights)

    @property
    def unsettled(self) -> float:
        """The weight of the laws whose fit had not come to rest when it was ended."""
        return float(self.weights[[not member.settled for member in self.members]].sum())

    def draws(self, n: np.ndarray, count: int, seed: int, noise: bool = True) -> np.ndarray:
        """Draws of the latent value: as `Pooled.draws`, each member giving its share."""
        shares = np.diff(np.round(np.cumsum([0, *self.weights]) * count)).astype(int)
        chosen = zip(self.members, shares, strict=True)
        return np.concatenate([member.draws(n, share, seed, noise) for member, share in chosen if share])


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
    for group, fitted in _fitted(curves, fit_up_to):
        for some in _portions(fitted.points, len(at)):
            values = fitted.measured(at, seed, some)
            for k, place in enumerate(group[some], some.start):
                made = summarised(values[:, k - some.start], at)
                notes = (*notes_on(curves[place], fit_up_to), *_far(fitted.curves[k], made), *_restless(fitted))
                answers[place] = CurveForecast(curves[place].name, *fitted.likeliest(k), made, notes)
    return [answers.get(index) or nothing(curve.name) for index, curve in enumerate(curves)]


def draws(curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0) -> np.ndarray:
    """Joint draws of what each curve's metric is at the sizes `at`, without a measurement's noise: as `forecast`.

    Shape (DRAWS, curves, sizes); NaN for a curve that has nothing measured within the budget.
    """
    of = drawer(curves, fit_up_to, seed)
    return np.stack([of(index, at) for index in range(len(curves))], axis=1)


def drawer(
    curves: Sequence[Curve], fit_up_to: float = math.inf, seed: int = 0
) -> Callable[[int, Sequence[int]], np.ndarray]:
    """Fit the curves together; then the draws of one of them, by its place, at any sizes, shape (DRAWS, sizes).

    As `draws`, for as many curves as one likes: those of different curves belong together draw by draw.
    """
    place_of = {place: (k, of) for group, of in _fitted(curves, fit_up_to) for k, place in enumerate(group)}

    def draw(curve: int, at: Sequence[int]) -> np.ndarray:
        if curve not in place_of:
            return np.full((DRAWS, len(at)), np.nan)
        k, fitted = place_of[curve]
        return fitted.expected(at, seed, slice(k, k + 1))[:, 0]

    return draw


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


@dataclass(frozen=True, eq=False)
class FittedStudy:
    """Curves that were fitted together, with the factor by which their draws are widened."""

    curves: Sequence[Curve]
    points: Observations
    mixture: Mixture
    wider: float

    @cached_property
    def fitted(self) -> np.ndarray:
        """Medians of the mixture at the points, shape (curves, points)."""
        portions = _portions(self.points, self.points.x.shape[1])
        drawn = (
            self.mixture.only(some).draws(np.exp(self.points.x[some]), CHECK_DRAWS, seed=0, noise=False)
            for some in portions
        )
        return np.concatenate([np.median(of, axis=0) for of in drawn])

    def latent(
        self, at: Sequence[int], seed: int, noise: bool, some: slice = slice(0, None), common: CommonError = COMMON
    ) -> np.ndarray:
        """Draws of the latent value of some of the curves, shape (DRAWS, curves, sizes), as `Pooled.draws`."""
        n = np.array(at, dtype=float)
        drawn = self.mixture.only(some).draws(n, DRAWS, seed, noise)
        middle = np.median(drawn, axis=0)
        widened = middle + (drawn - middle) * self.wider
        rng = np.random.default_rng([seed, 0])  # the same for all curves: they err together
        return common.added(widened, self.points.only(some), self.fitted[some], np.log(n), rng)

    def expected(self, at: Sequence[int], seed: int, some: slice) -> np.ndarray:
        """Draws of the metric of some of the curves, shape (DRAWS, curves, sizes)."""
        return self.points.only(some).metric(self.latent(at, seed, False, some))

    def measured(self, at: Sequence[int], seed: int, some: slice) -> np.ndarray:
        """The same of a new measurement."""
        latent = self.latent(at, seed, True, some)
        return self.points.only(some).with_noise(latent, np.random.default_rng([seed, some.start]))

    def likeliest(self, curve: int) -> tuple[str, dict[str, float]]:
        """The law of most weight and the curve's parameters in it."""
        member = self.mixture.members[int(self.mixture.weights.argmax())]
        return member.shape.law.name, member.shape.named(member.theta[curve])


def _fitted(curves: Sequence[Curve], fit_up_to: float) -> list[tuple[list[int], FittedStudy]]:
    """The curves that are pooled, by their places, and their fit.

    Those that get worse are no evidence on how the others improve, and are pooled by themselves.
    """
    used = {place: cut for place, curve in enumerate(curves) if (cut := usable(curve, fit_up_to))}
    groups: dict[bool, list[int]] = {False: [], True: []}
    for place, of in used.items():
        turn = worsening(of)
        groups[turn is not None and turn.lasting].append(place)
    return [(group, fit_study([used[place] for place in group])) for group in groups.values() if group]


def fit_study(used: Sequence[Curve]) -> FittedStudy:
    """Fit curves of one kind together: all their sizes, which must be n ≥ 1."""
    kind = used[0].kind
    points: Observations = accuracy_points(used) if kind == "accuracy" else _loss_points(used)
    shapes = shapes_for(kind)
    return FittedStudy(used, points, mix(points, shapes), widening(points, shapes))


def _portions(points: Observations, sizes: int) -> list[slice]:
    curves, measured = points.x.shape
    count = max(1, AT_A_TIME // (DRAWS * (sizes + TRIES * measured)))
    return [slice(start, min(start + count, curves)) for start in range(0, curves, count)]


def usable(curve: Curve, fit_up_to: float = math.inf) -> Curve | None:
    """What is forecast from: n ≥ 1 up to the budget, without values wildly off it. None where that is nothing."""
    if not ((curve.sizes >= 1) & (curve.sizes <= fit_up_to)).any():
        return None
    return without_wild(curve.between(1, fit_up_to))[0]


def _loss_points(curves: Sequence[Curve]) -> Observations:
    known = [np.zeros(len(c.sizes)) if c.standard_errors is None else c.standard_errors for c in curves]
    return Observations(
        x=padded([np.log(curve.sizes) for curve in curves]),
        y=padded([np.log(curve.means) for curve in curves]),
        variance=padded([(error / curve.means) ** 2 for curve, error in zip(curves, known, strict=True)], PADDING),
    )


def notes_on(curve: Curve, fit_up_to: float = math.inf) -> tuple[str, ...]:
    """What to know of a forecast from the curve's sizes up to the budget, as sentences; none where there are none."""
    used = usable(curve, fit_up_to)
    if used is None:
        return ()
    notes = []
    if (curve.sizes == 0).any():
        notes.append("n=0 left out: what the base lacks is mostly the task's format")
    notes += [
        f"n={point.n}: {point.value:g} left out, wildly off the sizes beside it; measure it again (a second "
        "replicate that agrees is believed)"
        for point in without_wild(curve.between(1, fit_up_to))[1]
    ]
    if len(used.sizes) < 4:
        count = f"{len(used.sizes)} size" + "s" * (len(used.sizes) > 1)
        notes.append(f"only {count} within the budget: the forecast rests on the other curves and the prior")
    if used.seeds.max() < 2 and curve.standard_errors is None:
        assumed = f", beside that of {UNSTATED_ITEMS:,} test items" if curve.kind == "accuracy" else ""
        notes.append(
            f"a single seed and no standard errors: the noise is taken from the scatter about the law{assumed}"
        )
    return (*notes, *_worse(used))


def _worse(used: Curve) -> list[str]:
    turn = worsening(used)
    if turn is None:
        return []
    start, end = (float(used.means[used.sizes == n][0]) for n in (turn.start, turn.end))
    said = f"gets worse from n={turn.start} to {turn.end} ({start:.4g} to {end:.4g})"
    if turn.lasting:
        return [f"{said}; the laws describe improvement: do not trust this"]
    return [f"{said}, which no law describes: it is taken for scatter, so that intervals are wider"]


def _restless(fitted: FittedStudy) -> list[str]:
    unsettled = fitted.mixture.unsettled
    if unsettled < NO_MATTER:
        return []
    return [f"laws of {unsettled:.0%} of the weight had not come to rest after {ROUNDS} rounds of fitting"]


def _far(used: Curve, made: Sequence[Forecast]) -> list[str]:
    """What makes a forecast none that one could act on."""
    by_loss = used.kind == "loss"
    worst = float(used.means.max() if by_loss else used.means.min())
    beyond = [of.n for of in made if (of.value > worst if by_loss else of.value < worst)]
    wide = [of.n for of in made if by_loss and not of.interval_90[1] < NO_TELLING * of.interval_90[0]]
    notes = []
    if beyond:
        notes.append(f"at n={beyond[0]} the forecast is worse than all that was measured")
    if wide:
        notes.append(f"from n={wide[0]} on the 90 % interval spans a factor of {NO_TELLING} or more: no telling")
    return notes
