"""Forecasters against each other, over studies of which the one judged had no part in any choice.

    python bench/tournament.py [--studies=flan,NMT,…] [--ratios=4,8,16,64,512] [--alone] [--slow]

Each study's curves are cut at a fraction of their largest size and forecast there. Studies: 30 models finetuned on FLAN
(Lin et al. 2402.02314), curves of translation, language models, BIG-Bench and image classification (Alabdulmohsin et
al. 2209.06640), pretraining losses over tokens at each model size (Farseer, in Li et al. 2604.22753), text classifiers
(SetFit, Tunstall et al. 2209.11055), from ../shared/data; this project's own (docs/data/power_law), whose
curves are of different benchmarks and so forecast one by one; and simulated ones of laws that the forecaster does not
have. Sizes of a curve are thinned to a factor of √2: nobody measures 400. A curve without a size between 1/ratio and
half of that of its largest is left out there. With --alone each curve is forecast by itself, at most eight of a study.
With --slow (an hour and more) laws of more than four parameters are rivals too.

The sizes of the errors that a study's curves have in common (src/scaling/common_error.py) are, for each study, chosen
from the others, simulated ones among them, which alone go on to 512 times the budget: of those with which 90 %
intervals hold 90 % on average over the studies, and 75 % of the curves of each case, a study at a ratio, in which any
does, the two with the least CRPS (the geometric mean over the ratios of that over their cases). Shapes and priors of
the mixture are those of src/scaling/laws; FLAN and the language curves were in view when they were set, the others not.
Which errors there are, and the rule, were set in view of all.
"""

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accept_then_stop import accept_then_stop
from forecast import read_flan, read_setfit
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import expit

from src.scaling.common_error import CommonError
from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law, points_needed
from src.scaling.laws import CATALOGUE
from src.scaling.laws.law import Law
from src.scaling.pooled_forecast import COMMON, fit_study

DATA = Path(__file__).parents[1] / "../shared/data"
COMMONS = tuple(
    CommonError(share, straight)
    for share in np.arange(0, 0.36, 0.025).round(3).tolist()
    for straight in np.arange(0, 0.16, 0.025).round(3).tolist()
)
THINNED = 2**0.5
FEWEST_CURVES, FEWEST_SIZES = 3, 3
MOST_PARAMETERS = 4  # of a rival law: those of more are slow to fit and, of few sizes, no better
LEVELS = (0.5, 0.8, 0.9)
LEAST = 0.75  # of the curves of a case that the 90 % interval should hold
MOST_ALONE = 8  # curves of a study, evenly among all


@dataclass(frozen=True, eq=False)
class Case:
    """A study cut at a share of its largest sizes. Errors are of ln L, of accuracies in points; shape (curves,)."""

    study: str
    ratio: int
    rivals: dict[str, np.ndarray]
    ours: dict[CommonError, "Outcome"]

    def held(self, common: CommonError) -> float:
        """The share of the curves in the 90 % interval."""
        return float(self.ours[common].held[-1].mean())


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one forecaster did: its errors, CRPS, whether each level's interval held, the regret of its choice."""

    errors: np.ndarray
    crps: float
    held: np.ndarray  # (levels, curves)
    regret: float


def rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def read_nsl() -> dict[str, list[Curve]]:
    points: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for file in ("benchmark.lang.csv", "benchmark.vision.caltech_imagenet.csv"):
        with (DATA / "revisiting_nsl" / file).open(newline="") as rows:
            for row in csv.DictReader(rows):
                study = {"cal": "Caltech", "inet": "ImageNet"}.get(row["Task"].split("_")[0], row["Domain"])
                points[study][f"{row['Task']} {row['Model']}"][int(float(row["Seen Examples"]))] = float(row["Loss"])
    return {study: [_losses(name, of) for name, of in curves.items()] for study, curves in points.items()}


def read_farseer() -> list[Curve]:
    points: dict[str, dict[int, float]] = defaultdict(dict)
    with (DATA / "farseer/farseer.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            points[row["model_parameters"]][int(float(row["training_tokens"]))] = float(row["loss"])
    return [_losses(name, of) for name, of in points.items()]


def read_own() -> dict[str, list[list[Curve]]]:
    from src.study.curves import curves_of, measured  # with MLflow, which the other studies need not wait for
    from src.study.point_files import read_points

    points_of, _ = curves_of(read_points(Path(__file__).parents[1] / "docs/data/power_law"))
    metrics = {"Fathom: accuracies": "eval/accuracy", "Fathom: losses": "eval/nll"}
    return {study: [[curve] for curve in measured(metric, points_of)] for study, metric in metrics.items()}


def _losses(name: str, points: dict[int, float]) -> Curve:
    return Curve(name, "loss", "loss", tuple(Measurement(n, 0, loss) for n, loss in sorted(points.items())))


def simulated() -> dict[str, list[Curve]]:
    """12 curves each, 1 % noise; accuracies with 1,000 items and three seeds that differ by 0.15 on the logit scale."""
    made: dict[str, list[Curve]] = defaultdict(list)
    sizes = 50 * 2 ** np.arange(14)
    x = np.log(sizes / 50)
    rng = np.random.default_rng(0)
    for curve in range(12):
        a, b, c = rng.normal(0, 0.15, 3)
        losses = {
            # A drop of logistic shape in ln n between two plateaus, as a capability that is learnt at once.
            "simulated drop": a - 1.2 * np.exp(b) * expit((x - 5 - 3 * c) / 1.2),
            # ln L linear in the logarithm of ln n: slower than any power.
            "simulated slow": 1 + a - 0.5 * np.exp(b) * np.log1p(x),
            # Exponential in √n towards a floor.
            "simulated exponential": np.log(0.3 * np.exp(a) + 2 * np.exp(-((sizes / 2e4) ** 0.5) * np.exp(b))),
        }
        for name, logs in losses.items():
            noisy = np.exp(logs + 0.01 * rng.standard_normal(len(x)))
            made[name].append(_losses(str(curve), dict(zip(sizes.tolist(), noisy.tolist(), strict=True))))
        # A probit in ln n under a ceiling.
        level = 4 * (x / 9 - 0.7 + 0.3 * c)
        share = (0.9 + 0.3 * b) * expit(level * (1 + 0.1 * level**2))
        scores = tuple(
            Measurement(
                int(n), seed, (rng.random(1000) < expit(np.log(p / (1 - p)) + 0.15 * rng.standard_normal())).mean()
            )
            for n, p in zip(sizes, share, strict=True)
            for seed in range(3)
        )
        made["simulated accuracies"].append(Curve(str(curve), "accuracy", "accuracy", scores))
    return made


def studies() -> dict[str, list[list[Curve]]]:
    """By study the curves that are pooled, group by group."""
    setfit = {f"SetFit: {method}": curves for method, curves in read_setfit().items()}
    pooled = {"FLAN": read_flan(), **read_nsl(), "Farseer": read_farseer(), **setfit, **simulated()}
    return {name: [curves] for name, curves in pooled.items()} | read_own()


def alone(groups: Sequence[Sequence[Curve]]) -> list[list[Curve]]:
    """Some of the curves, each in a group of its own."""
    curves = [curve for group in groups for curve in group]
    places = np.linspace(0, len(curves) - 1, min(MOST_ALONE, len(curves))).round().astype(int)
    return [[curves[place]] for place in places]


def cut(curve: Curve, ratio: int) -> Curve | None:
    """The curve thinned, up to 1/ratio of its largest size; None where too few sizes are left."""
    kept = [curve.sizes[-1]]
    for n in curve.sizes[-2::-1]:
        if n >= 1 and kept[-1] / n >= 0.999 * THINNED:
            kept.append(n)
    kept = [n for n in kept if n <= 1.001 * curve.sizes[-1] / ratio]
    if len(kept) < FEWEST_SIZES or kept[0] < 0.999 * curve.sizes[-1] / (2 * ratio):
        return None
    points = tuple(m for m in curve.measurements if m.n in kept)
    return Curve(curve.name, curve.metric, curve.kind, points, curve.chance)


def pairs(groups: Sequence[Sequence[Curve]], ratio: int) -> list[list[tuple[Curve, Curve]]]:
    """Group by group, curves with what is left of them; none where that is too little for a case."""
    made = [[(curve, short) for curve in group if (short := cut(curve, ratio)) is not None] for group in groups]
    made = [group for group in made if group]
    return made if sum(map(len, made)) >= FEWEST_CURVES else []


def case(name: str, groups: Sequence[Sequence[Curve]], ratio: int, slow: bool) -> Case | None:
    cuts = pairs(groups, ratio)
    if not cuts:
        return None
    measured = np.array([curve.means[-1] for group in cuts for curve, _ in group])
    kind = cuts[0][0][0].kind
    on_scale: Callable[[np.ndarray], np.ndarray] = np.log if kind == "loss" else lambda a: 100 * a
    drawn = [draws(group) for group in cuts]
    ours = {
        common: outcome(np.concatenate([of[common] for of in drawn], axis=1), measured, on_scale, kind, len(cuts) == 1)
        for common in COMMONS
    }
    found = rivals([pair for group in cuts for pair in group], slow)
    off = {who: on_scale(np.maximum(values, 1e-9)) - on_scale(measured) for who, values in found.items()}
    off.setdefault("accept then stop", off["last two sizes"])
    return Case(name, ratio, off, ours)


def draws(cuts: Sequence[tuple[Curve, Curve]]) -> dict[CommonError, np.ndarray]:
    """Draws of what is measured at each curve's largest size, shape (draws, curves), under every common error."""
    study = fit_study([short for _, short in cuts])
    at, place = np.unique([int(curve.sizes[-1]) for curve, _ in cuts], return_inverse=True)
    of_mixture = study.latent(at.tolist(), 0, noise=True, common=CommonError(0, 0))

    def drawn(common: CommonError) -> np.ndarray:
        latent = common.added(of_mixture, study.points, study.fitted, np.log(at), np.random.default_rng([0, 0]))
        return study.points.with_noise(latent, np.random.default_rng(0))[:, np.arange(len(cuts)), place]

    return {common: drawn(common) for common in COMMONS}


def outcome(values: np.ndarray, measured: np.ndarray, on_scale: Callable, kind: str, one: bool) -> Outcome:
    """`one`: the curves are of one group, so that one may choose among them."""
    drawn, truth = on_scale(values), on_scale(measured)
    middle = np.median(drawn, axis=0)
    tails = [np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0) for level in LEVELS]
    ordered, count = np.sort(drawn, axis=0), len(drawn)
    gini = (2 * np.arange(1, count + 1) - count - 1) @ ordered / count**2
    best = middle.argmin() if kind == "loss" else middle.argmax()
    return Outcome(
        middle - truth,
        float(np.mean(np.abs(drawn - truth).mean(axis=0) - gini)),
        np.array([(low <= truth) & (truth <= high) for low, high in tails]),
        float(abs(truth[best] - (truth.min() if kind == "loss" else truth.max()))) if one else math.nan,
    )


def rivals(cuts: Sequence[tuple[Curve, Curve]], slow: bool) -> dict[str, np.ndarray]:
    """What others forecast of each curve by itself, shape (curves,)."""
    targets, shorts = [int(curve.sizes[-1]) for curve, _ in cuts], [short for _, short in cuts]
    found = {"last value": np.array([short.means[-1] for short in shorts])}
    found["last two sizes"] = np.array([_last_two(short, n) for short, n in zip(shorts, targets, strict=True)])
    if shorts[0].kind == "loss":
        lines = [float(accept_then_stop(short, np.array([n]))[0]) for short, n in zip(shorts, targets, strict=True)]
        found["accept then stop"] = np.array(lines)
    most = math.inf if slow else MOST_PARAMETERS
    meant = [law for law in CATALOGUE if shorts[0].kind in law.quantities and not law.over_sizes]
    laws = [law for law in meant if len(law.parameters) <= most]
    for law in laws:
        found[law.name] = np.array([_by_law(short, law, n) for short, n in zip(shorts, targets, strict=True)])
    return found | {"mean of the laws": np.mean([found[law.name] for law in laws], axis=0)}


def _last_two(curve: Curve, n: int) -> float:
    if curve.kind == "loss":
        line = np.polyfit(np.log(curve.sizes[-2:]), np.log(curve.means[-2:]), 1)
        return float(np.exp(np.polyval(line, np.log(n))))
    line = np.polyfit(np.log(curve.sizes[-2:]), curve.means[-2:], 1)
    return float(np.clip(np.polyval(line, np.log(n)), 0, 1))


def _by_law(curve: Curve, law: Law, n: int) -> float:
    """The law's value, or the last one where there are too few sizes for it."""
    if (curve.sizes >= law.smallest_n).sum() < points_needed(law):
        return float(curve.means[-1])
    value = float(fit_law(curve, law).predict(np.array([n]))[0])
    return min(1.0, max(0.0, value)) if curve.kind == "accuracy" else value


def chosen(others: Sequence[Case]) -> CommonError:
    """The common errors by the rule above."""
    cases_of: dict[str, list[Case]] = defaultdict(list)
    cases_at: dict[int, list[Case]] = defaultdict(list)
    for one in others:
        cases_of[one.study].append(one)
        cases_at[one.ratio].append(one)

    def held(common: CommonError) -> float:
        """The share of the curves in the 90 % interval, a mean over studies."""
        return float(np.mean([np.mean([c.held(common) for c in of]) for of in cases_of.values()]))

    def log_crps(common: CommonError) -> float:
        return float(np.mean([np.mean([np.log(c.ours[common].crps) for c in of]) for of in cases_at.values()]))

    within_reach = [c for c in others if max(map(c.held, COMMONS)) >= LEAST]
    holding = [
        common
        for common in COMMONS
        if held(common) >= LEVELS[-1] and all(c.held(common) >= LEAST for c in within_reach)
    ]
    return min(holding or [COMMONS[-1]], key=log_crps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", help="comma-separated; all by default")
    parser.add_argument("--ratios", default="4,8,16,64,512")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--slow", action="store_true")
    asked = parser.parse_args()
    pool = {name: of for name, of in studies().items() if not asked.studies or name in asked.studies.split(",")}
    if len(pool) < 2:
        parser.error("a study is judged with what others chose: name two at least")
    if asked.alone:
        pool = {name: alone(of) for name, of in pool.items()}
    wanted = [(name, ratio) for ratio in map(int, asked.ratios.split(",")) for name in pool]
    made = (case(name, pool[name], ratio, asked.slow) for name, ratio in track(wanted, transient=True))
    cases = [c for c in made if c is not None]
    left_out = {name: chosen([c for c in cases if c.study != name]) for name in {c.study for c in cases}}
    console = Console(width=160)

    table = Table(
        title="error of ln L (RMS) or in points (RMS), at a multiple of the largest size; chosen from the others"
    )
    for heading in ("study", "×", "common", "ours", "last two", "accept then stop"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for heading in ("best law", "CRPS", "50 %", "80 %", "90 %", "regret"):
        table.add_column(heading, justify="right")
    for c in cases:
        made = c.ours[left_out[c.study]]
        laws = {who: rms(off) for who, off in c.rivals.items()}
        best = min(
            (who for who in laws if who not in ("accept then stop", "last two sizes")), key=lambda who: laws[who]
        )
        cells = [rms(made.errors), laws["last two sizes"], laws["accept then stop"]]
        table.add_row(
            c.study,
            str(c.ratio),
            "{0.share:.3f} {0.straight:.3f}".format(left_out[c.study]),
            *(f"{cell:.3g}" for cell in cells),
            f"{laws[best]:.3g} {best}",
            f"{made.crps:.3g}",
            *(f"{of.mean():.0%}" for of in made.held),
            f"{made.regret:.3g}",
        )
    console.print(table)

    table = Table(title="mean over studies of each forecaster's error in that of accept-then-stop (geometric)")
    for heading in ("forecaster", *asked.ratios.split(","), "all", "worst"):
        table.add_column(heading, justify="right")
    names = ["ours", *dict.fromkeys(who for c in cases for who in c.rivals)]
    for who in names:
        ratios = {c: _error(c, who, left_out) / rms(c.rivals["accept then stop"]) for c in cases if _has(c, who)}
        by = [[v for c, v in ratios.items() if c.ratio == r] for r in map(int, asked.ratios.split(","))]
        worst = max(ratios, key=lambda c: ratios[c])
        cells = [f"{np.exp(np.mean(np.log(of))):.2f}" if of else "–" for of in (*by, list(ratios.values()))]
        table.add_row(who, *cells, f"{ratios[worst]:.2f} {worst.study} {worst.ratio}×")
    console.print(table)

    held = {
        name: np.mean([c.ours[left_out[name]].held.mean(1) for c in cases if c.study == name], 0) for name in left_out
    }
    console.print("coverage, mean over studies:", " / ".join(f"{share:.0%}" for share in np.mean([*held.values()], 0)))
    for kind, of in (("real", False), ("simulated", True)):
        some = {name: share for name, share in held.items() if name.startswith("simulated") == of}
        if some:
            least = min(some, key=lambda name: some[name][-1])
            shares = " / ".join(f"{share:.0%}" for share in np.mean([*some.values()], 0))
            console.print(f"of {kind} studies: {shares}; least of one at 90 %: {some[least][-1]:.0%} {least}")
    console.print(f"chosen from all studies: {chosen(cases)}; in use: {COMMON}")


def _has(c: Case, who: str) -> bool:
    return who == "ours" or who in c.rivals


def _error(c: Case, who: str, left_out: dict[str, CommonError]) -> float:
    return rms(c.ours[left_out[c.study]].errors if who == "ours" else c.rivals[who])


if __name__ == "__main__":
    main()
