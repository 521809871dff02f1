"""Accuracy forecast through the loss: n → answer loss by laws of losses, loss → accuracy by a sigmoid.

Bhagia et al. 2024, arXiv 2412.04403. The loss falls smoothly where the accuracy still sits on its floor. The sigmoid

    accuracy = chance + (ceiling − chance) · expit(−k·(x − x0) + scatter),   x = loss or ln loss,

is one for all curves of a benchmark. The source has x = loss; where losses near 0 their logarithm can tell more, so
both are drawn from, each as often as the points make it probable (equal odds before). The parameters are sampled from
their posterior by adaptive importance sampling (Bugallo et al. 2017, doi 10.1109/MSP.2017.2699226).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logsumexp, softmax
from scipy.stats import multivariate_t, spearmanr

from src.errors import FathomError
from src.scaling.accuracies import accuracy_points
from src.scaling.curve import Curve
from src.scaling.noise import item_variance
from src.scaling.pooled_forecast import DRAWS, CurveForecast, draws, nothing, summarised

POINTS_NEEDED = 4
SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"loss": lambda loss: loss, "ln loss": np.log}
# Weak normal priors of theta: the logit of (ceiling − chance)/(1 − chance), about 0.95 and rarely below 0.6; ln k and
# x0, with x from its smallest in units of its range; ln of the scatter's standard deviation.
PRIOR_MEAN, PRIOR_SD = np.array([3.0, np.log(4), 0.0, np.log(0.1)]), np.array([1.5, 1.5, 1.0, 1.0])
HEATS = (0.03, 0.1, 0.3, 1.0, 1.0)  # powers of the likelihood in the rounds of sampling
PROPOSALS = 10_000


@dataclass(frozen=True, eq=False)
class LossesAndAccuracies:
    """Losses and accuracies measured together, each of shape (points,).

    `items` is the size of the test (inf: no noise of items), `known` the variance of an accuracy by its seeds and
    `between` that of a new measurement's seeds on the logit scale.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    items: np.ndarray
    known: np.ndarray
    between: float
    chance: float


@dataclass(frozen=True, eq=False)
class Sigmoid:
    """Draws of the sigmoid on one scale of the loss: theta, shape (draws, 4), with x = smallest + width·(0 … 1)."""

    scale: str
    smallest: float
    width: float
    chance: float
    theta: np.ndarray

    @property
    def parameters(self) -> dict[str, float]:
        """The medians of the draws: the ceiling as an accuracy, k and x0 on the scale of the loss."""
        ceiling, k, x0, scatter = np.median(self.theta, axis=0)
        return {
            "chance": self.chance,
            "ceiling": self.chance + (1 - self.chance) * float(expit(ceiling)),
            "k": float(np.exp(k)) / self.width,
            "x0": self.smallest + self.width * float(x0),
            "scatter": float(np.exp(scatter)),
        }

    def accuracy(self, loss: np.ndarray, noise: np.ndarray | float = 0.0) -> np.ndarray:
        """At losses of shape (draws, …), with noise added on the logit scale."""
        ceiling, k, x0, _ = self.theta.T.reshape(4, -1, *[1] * (loss.ndim - 1))
        x = (SCALES[self.scale](loss) - self.smallest) / self.width
        return self.chance + (1 - self.chance) * expit(ceiling) * expit(np.exp(k) * (x0 - x) + noise)


@dataclass(frozen=True, eq=False)
class TwoStep:
    """Loss curves, and the sigmoids that take their forecasts to accuracies; `notes` holds each curve's sentences.

    The draws of all sigmoids together are DRAWS, each having its share; the likeliest comes first.
    """

    losses: tuple[Curve, ...]
    pairs: LossesAndAccuracies
    sigmoids: tuple[Sigmoid, ...]
    notes: tuple[tuple[str, ...], ...]

    def forecast(self, at: Sequence[int], seed: int = 0) -> list[CurveForecast]:
        """The accuracy of each loss curve at the sizes `at`: the median, and intervals of a new measurement.

        These hold the doubt of loss and sigmoid, the scatter about it, and the noise of test items and seeds.
        """
        rng = np.random.default_rng(seed)
        # Shuffled, since the draws of the losses come law by law, and those of the sigmoid scale by scale.
        losses = rng.permutation(draws(self.losses, at, seed=seed))
        parts = np.split(losses, np.cumsum([len(sigmoid.theta) for sigmoid in self.sigmoids])[:-1])
        mean = np.concatenate([self._drawn(s, part, rng) for s, part in zip(self.sigmoids, parts, strict=True)])
        of_items = np.sqrt(item_variance(mean, float(np.median(self.pairs.items))))
        values = np.clip(mean + of_items * rng.standard_normal(mean.shape), 0, 1)
        return [self._of_curve(index, values[:, index], at) for index in range(len(self.losses))]

    def _drawn(self, sigmoid: Sigmoid, losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = np.sqrt(np.exp(2 * sigmoid.theta[:, 3]) + self.pairs.between)
        return sigmoid.accuracy(losses, noise[:, None, None] * rng.standard_normal(losses.shape))

    def _of_curve(self, index: int, values: np.ndarray, at: Sequence[int]) -> CurveForecast:
        name = self.losses[index].name
        if np.isnan(values).any():
            return nothing(name)
        first = self.sigmoids[0]
        law = f"two steps: sigmoid in {first.scale}"
        return CurveForecast(name, law, first.parameters, summarised(values, at), self.notes[index])


def fit_two_step(losses: Sequence[Curve], accuracies: Sequence[Curve], seed: int = 0) -> TwoStep:
    """Fit the sigmoid of one benchmark to the sizes n ≥ 1 at which a curve has both loss and accuracy.

    Curves are paired by name; losses without accuracies are forecast with the sigmoid of the others. Raises FathomError
    where kinds or chance levels are mixed, accuracies have no losses, or too few points pair.
    """
    pairs = _paired(losses, accuracies)
    rng = np.random.default_rng(seed)
    sampled = sorted((_sampled(scale, pairs, rng) for scale in SCALES), key=lambda found: -found[2])
    shares = softmax([evidence for _, _, evidence in sampled])
    counts = np.diff(np.round(np.cumsum([0, *shares]) * DRAWS)).astype(int)
    sigmoids = tuple(
        replace(sigmoid, theta=sigmoid.theta[rng.choice(PROPOSALS, count, p=weights)])
        for (sigmoid, weights, _), count in zip(sampled, counts, strict=True)
        if count
    )
    apart, measured = _not_together(pairs), {curve.name for curve in accuracies}
    alone = "its accuracy was not measured: the sigmoid is that of the other curves"
    notes = [apart if curve.name in measured else (*apart, alone) for curve in losses]
    return TwoStep(tuple(losses), pairs, sigmoids, tuple(notes))


def _paired(losses: Sequence[Curve], accuracies: Sequence[Curve]) -> LossesAndAccuracies:
    mixed = [c for c in losses if c.kind != "loss"] + [c for c in accuracies if c.kind != "accuracy"]
    if mixed:
        raise FathomError(f"two steps need losses and accuracies: curve {mixed[0].name} is given as the other kind")
    loss_of = {curve.name: curve for curve in losses}
    lonely = [curve.name for curve in accuracies if curve.name not in loss_of]
    if lonely:
        raise FathomError(
            f"two steps: no losses for {', '.join(lonely)}; give them under the same name or leave it out"
        )
    if len({curve.chance for curve in accuracies}) > 1:
        raise FathomError("two steps: the accuracies have different chance levels; give the curves of one benchmark")
    both = [(loss_of[c.name], _at_sizes_of(c, loss_of[c.name])) for c in accuracies]
    paired = [(loss, accuracy) for loss, accuracy in both if accuracy is not None]
    count = sum(len(accuracy.sizes) for _, accuracy in paired)
    if count < POINTS_NEEDED:
        raise FathomError(
            f"two steps: {count} sizes n ≥ 1 have both loss and accuracy, the sigmoid needs {POINTS_NEEDED}; "
            "measure more sizes or forecast the accuracy directly"
        )
    points = accuracy_points([accuracy for _, accuracy in paired])
    return LossesAndAccuracies(
        loss=np.concatenate([loss.means[np.isin(loss.sizes, accuracy.sizes)] for loss, accuracy in paired]),
        accuracy=points.value[points.measured],
        items=points.items[points.measured],
        known=points.known[points.measured],
        between=float(np.median(points.between)),
        chance=accuracies[0].chance,
    )


def _at_sizes_of(accuracy: Curve, loss: Curve) -> Curve | None:
    common = tuple(p for p in accuracy.measurements if p.n >= 1 and p.n in loss.sizes)
    return replace(accuracy, measurements=common) if common else None


def _not_together(pairs: LossesAndAccuracies) -> tuple[str, ...]:
    varied = np.ptp(pairs.accuracy) > 0 and np.ptp(pairs.loss) > 0
    if varied and spearmanr(pairs.loss, pairs.accuracy, alternative="less").pvalue < 0.05:
        return ()
    return (f"accuracy does not rise as loss falls over {len(pairs.loss)} points: the sigmoid rests on its prior",)


def _sampled(scale: str, pairs: LossesAndAccuracies, rng: np.random.Generator) -> tuple[Sigmoid, np.ndarray, float]:
    """Proposals of theta with their weights, and ln of the evidence for this scale of the loss."""
    x = SCALES[scale](pairs.loss)
    mean, covariance = PRIOR_MEAN, np.diag(PRIOR_SD**2)
    for heat in HEATS:
        proposal = multivariate_t(mean, covariance, df=5, seed=rng)
        sigmoid = Sigmoid(scale, float(x.min()), float(np.ptp(x)) or 1.0, pairs.chance, proposal.rvs(PROPOSALS))
        log_prior = -(((sigmoid.theta - PRIOR_MEAN) / PRIOR_SD) ** 2).sum(1) / 2
        log_weights = log_prior + heat * _log_likelihood(sigmoid, pairs) - proposal.logpdf(sigmoid.theta)
        weights = softmax(log_weights)
        mean, covariance = weights @ sigmoid.theta, np.cov(sigmoid.theta.T, aweights=weights) + 1e-6 * np.eye(4)
    return sigmoid, weights, float(logsumexp(log_weights))


def _log_likelihood(sigmoid: Sigmoid, pairs: LossesAndAccuracies) -> np.ndarray:
    """Of each draw of theta, shape (draws,): accuracies are normal with the noise of items, seeds and scatter."""
    mean = sigmoid.accuracy(np.tile(pairs.loss, (len(sigmoid.theta), 1)))
    above, height = mean - pairs.chance, (1 - pairs.chance) * expit(sigmoid.theta[:, :1])
    scatter = np.exp(sigmoid.theta[:, 3:]) * above * (1 - above / height)
    variance = pairs.known + item_variance(mean, pairs.items) + scatter**2 + 1e-10
    return -((pairs.accuracy - mean) ** 2 / variance + np.log(variance)).sum(1) / 2
