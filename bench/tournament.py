"""Forecasters against each other, over studies of which the one judged had no part in any choice.

    python bench/tournament.py [--studies=flan,NMT,…] [--ratios=4,8,16,64,512] [--alone] [--slow]

Each study's curves are cut at a fraction of their largest size and forecast there. Studies: 30 models finetuned on FLAN
(Lin et al. 2402.02314), curves of translation, language models, BIG-Bench and image classification (Alabdulmohsin et
al. 2209.06640), pretraining losses over tokens at each model size (Farseer, in Li et al. 2604.22753), text classifiers
(SetFit, Tunstall et al. 2209.11055), from ../shared/data; this project's own (docs/data/power_law), whose curves are
pooled by benchmark, as in its reports; and simulated ones of laws that the forecaster does not have. Sizes of a curve
are thinned to a factor of √2: nobody measures 400. A curve without a size between 1/ratio and half of that of its
largest is left out there. With --alone each curve is forecast by itself, at most eight of a study. With --slow (an hour
and more) laws of more than four parameters are rivals too.

The sizes of the errors that a study's curves have in common (src/scaling/common_error.py) are, for each study, taken
from the others, simulated ones among them, which alone go on to 512 times the budget; of studies of the same data
("SetFit: …", "Fathom: …") none has a part. In each case, a study at a ratio, curves go on by a factor of what is
forecast without these errors: the median over them. `share` is the one that makes these factors likeliest; `straight`
the one with the least CRPS (the geometric mean over the ratios of that over their cases). No coverage has a part in
either. Shapes and priors of the mixture are those of src/scaling/laws; FLAN and the language curves were in view when
they were set, the others not. Which errors there are, and the rule, were set in view of all.
"""

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accept_then_stop import accept_then_stop
from forecast import read_flan, read_setfit
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from src.scaling.accuracies import EDGE
from src.scaling.common_error import CommonError, factor
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.fit import fit_law, points_needed
from src.scaling.laws import CATALOGUE
from src.scaling.laws.law import Law
from src.scaling.pooled_forecast import COMMON, FittedStudy, fit_study

DATA = Path(__file__).parents[1] / "../shared/data"
OFF = np.linspace(-10, 3.6, 2721)  # u of src/scaling/common_error.py: tells factors from 0.05 to 10 apart
STRAIGHT = tuple(np.arange(0, 0.16, 0.025).round(3).tolist())
THINNED = 2**0.5
FEWEST_CURVES, FEWEST_SIZES = 3, 3
MOST_PARAMETERS = 4  # of a rival law: those of more are slow to fit and, of few sizes, no better
LEVELS = (0.5, 0.8, 0.9)
MOST_ALONE = 8  # curves of a study, evenly among all


@dataclass(frozen=True, eq=False)
class Group:
    """Curves that are forecast together, each at its largest size: ln of that, (curves, 1), and the mixture's draws."""

    study: FittedStudy
    x: np.ndarray
    drawn: np.ndarray  # of the latent value, (draws, curves, 1)


@dataclass(frozen=True, eq=False)
class Case:
    """A study cut at a share of its largest sizes. Errors are of ln L, of accuracies in points; shape (curves,)."""

    study: str
    ratio: int
    kind: Kind
    groups: list[Group]
    measured: np.ndarray
    rivals: dict[str, np.ndarray]
    far: float  # from the last size to the largest, in ln n, the median
    came: float  # of the change that is forecast without common errors, the median


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one forecaster did: its errors, CRPS, whether each level's interval held, the regret of its choice."""

    errors: np.ndarray
    crps: float
    held: np.ndarray  # (levels, curves)
    width: float  # of the 90 % interval, the median
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
    made: dict[str, list[list[Curve]]] = {}
    for study, metric in {"Fathom: accuracies": "eval/accuracy", "Fathom: losses": "eval/nll"}.items():
        of: dict[str, list[Curve]] = defaultdict(list)
        for curve in measured(metric, points_of):
            of[points_of[curve.name][0].benchmark].append(curve)
        made[study] = list(of.values())
    return made


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
    every = [pair for group in cuts for pair in group]
    measured = np.array([curve.means[-1] for curve, _ in every])
    kind = every[0][0].kind
    found = rivals(every, slow)
    off = {who: on_scale(np.maximum(values, 1e-9), kind) - on_scale(measured, kind) for who, values in found.items()}
    off.setdefault("accept then stop", off["last two sizes"])
    drawn = [draws(group) for group in cuts]
    ways = np.concatenate([way(group, of) for group, of in zip(cuts, drawn, strict=True)], axis=1)
    return Case(name, ratio, kind, drawn, measured, off, *np.median(ways, axis=1).tolist())


def on_scale(metric: np.ndarray, kind: Kind) -> np.ndarray:
    return np.log(metric) if kind == "loss" else 100 * metric


def draws(cuts: Sequence[tuple[Curve, Curve]]) -> Group:
    study = fit_study([short for _, short in cuts])
    at, place = np.unique([int(curve.sizes[-1]) for curve, _ in cuts], return_inverse=True)
    drawn = study.latent(at.tolist(), 0, noise=True, common=CommonError(0, 0))
    return Group(study, np.log(at)[place][:, None], drawn[:, np.arange(len(cuts)), place][..., None])


def way(cuts: Sequence[tuple[Curve, Curve]], of: Group) -> np.ndarray:
    """How far each curve is carried on in ln n, and what of its change came: shape (2, curves)."""
    points, curves = of.study.points, np.arange(len(cuts))
    last = points.measured.sum(1) - 1
    start, forecast = of.study.fitted[curves, last], np.median(of.drawn, axis=0)[:, 0]
    true = np.array([latent(curve) for curve, _ in cuts])
    return np.stack([of.x[:, 0] - points.x[curves, last], (true - start) / (forecast - start)])


def latent(curve: Curve) -> float:
    """Of what is measured at the largest size."""
    last = float(curve.means[-1])
    if curve.kind == "loss":
        return math.log(last)
    return float(logit(np.clip((last - curve.chance) / (1 - curve.chance), EDGE, 1 - EDGE)))


def outcome(of: Case, common: CommonError) -> Outcome:
    values = []
    for group in of.groups:
        points, rng = group.study.points, np.random.default_rng([0, 0])
        added = common.added(group.drawn, points, group.study.fitted, group.x, rng)
        values.append(points.with_noise(added, np.random.default_rng(0))[..., 0])
    drawn, truth = (on_scale(metric, of.kind) for metric in (np.concatenate(values, axis=1), of.measured))
    middle = np.median(drawn, axis=0)
    tails = [np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0) for level in LEVELS]
    ordered, count = np.sort(drawn, axis=0), len(drawn)
    gini = (2 * np.arange(1, count + 1) - count - 1) @ ordered / count**2
    best = middle.argmin() if of.kind == "loss" else middle.argmax()
    regret = abs(truth[best] - (truth.min() if of.kind == "loss" else truth.max()))
    return Outcome(
        middle - truth,
        float(np.mean(np.abs(drawn - truth).mean(axis=0) - gini)),
        np.array([(low <= truth) & (truth <= high) for low, high in tails]),
        float(np.median(tails[-1][1] - tails[-1][0])),
        float(regret) if len(of.groups) == 1 else math.nan,  # else there is none to choose among
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
    off = np.interp([one.came for one in others], factor(OFF), OFF)
    far = np.array([one.far for one in others])

    def unlikely(log_share: float) -> float:
        return float(np.log1p((off / (math.exp(log_share) * far)) ** 2).sum() + len(others) * log_share)

    share = round(math.exp(minimize_scalar(unlikely, bounds=(-7, 1), method="bounded").x), 3)
    at: dict[int, list[Case]] = defaultdict(list)
    for one in others:
        at[one.ratio].append(one)

    def log_crps(straight: float) -> float:
        common = CommonError(share, straight)
        return float(np.mean([np.mean([np.log(outcome(c, common).crps) for c in of]) for of in at.values()]))

    return CommonError(share, min(STRAIGHT, key=log_crps))


def source(study: str) -> str:
    """What studies of the same data have in common."""
    return study.partition(":")[0]


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
    tried = (case(name, pool[name], ratio, asked.slow) for name, ratio in track(wanted, transient=True))
    cases = [c for c in tried if c is not None]
    names = dict.fromkeys(c.study for c in cases)
    left_out = {name: chosen([c for c in cases if source(c.study) != source(name)]) for name in names}
    ours = {c: outcome(c, left_out[c.study]) for c in cases}
    console = Console(width=160)

    table = Table(
        title="error of ln L (RMS) or in points (RMS), at a multiple of the largest size; chosen from the others"
    )
    for heading in ("study", "×", "ours", "last two", "accept then stop"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for heading in ("best law", "CRPS", "50 %", "80 %", "90 %", "regret"):
        table.add_column(heading, justify="right")
    for c in cases:
        made = ours[c]
        laws = {who: rms(off) for who, off in c.rivals.items()}
        best = min(
            (who for who in laws if who not in ("accept then stop", "last two sizes")), key=lambda who: laws[who]
        )
        cells = [rms(made.errors), laws["last two sizes"], laws["accept then stop"]]
        table.add_row(
            c.study,
            str(c.ratio),
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
    for who in ("ours", *dict.fromkeys(who for c in cases for who in c.rivals)):
        errors = {c: ours[c].errors if who == "ours" else c.rivals.get(who) for c in cases}
        ratios = {c: rms(off) / rms(c.rivals["accept then stop"]) for c, off in errors.items() if off is not None}
        by = [[v for c, v in ratios.items() if c.ratio == r] for r in map(int, asked.ratios.split(","))]
        worst = max(ratios, key=lambda c: ratios[c])
        cells = [f"{np.exp(np.mean(np.log(of))):.2f}" if of else "–" for of in (*by, list(ratios.values()))]
        table.add_row(who, *cells, f"{ratios[worst]:.2f} {worst.study} {worst.ratio}×")
    console.print(table)

    table = Table(title="over its ratios: error in that of accept-then-stop (geometric), coverage, width at 90 %")
    for heading in ("study", "share", "straight", "error", "50 %", "80 %", "90 %", "width"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    held: dict[str, np.ndarray] = {}
    for name, common in left_out.items():
        of = [c for c in cases if c.study == name]
        error, width = (
            np.exp(np.mean(np.log(what)))
            for what in (
                [rms(ours[c].errors) / rms(c.rivals["accept then stop"]) for c in of],
                [ours[c].width for c in of],
            )
        )
        held[name] = np.mean([ours[c].held.mean(1) for c in of], axis=0)
        numbers = [f"{n:g}" for n in (common.share, common.straight)]
        table.add_row(name, *numbers, f"{error:.2f}", *(f"{share:.0%}" for share in held[name]), f"{width:.3g}")
    console.print(table)
    for kind, some in (
        ("all", [*held]),
        ("real", [name for name in held if not name.startswith("simulated")]),
        ("simulated", [name for name in held if name.startswith("simulated")]),
    ):
        if some:
            shares = " / ".join(f"{share:.1%}" for share in np.mean([held[name] for name in some], axis=0))
            console.print(f"coverage, mean over {kind} studies: {shares}")
    console.print(f"chosen from all studies: {chosen(cases)}; in use: {COMMON}")


if __name__ == "__main__":
    main()
