"""Forecasters against each other, over studies of which the one judged had no part in any choice.

    python bench/tournament.py [--studies=flan,NMT,…] [--ratios=4,8,16,64,512] [--slow]

Each study's curves are cut at a fraction of their largest size and forecast there. Studies: 30 models finetuned on FLAN
(Lin et al. 2402.02314), curves of translation, language models, BIG-Bench and image classification (Alabdulmohsin et
al. 2209.06640), pretraining losses over tokens at each model size (Farseer, in Li et al. 2604.22753), text classifiers
(SetFit, Tunstall et al. 2209.11055), from ../shared/data; and simulated ones of laws that the forecaster does not have.
Sizes of a curve are thinned to a factor of √2: nobody measures 400. With --slow (hours) the law m4 is a rival too, and
each curve is also forecast by itself.

The two numbers of the hedge (src/scaling/hedge.py) that a study is judged with are chosen from the other real studies:
`line` is the one whose worst case (its error over accept-then-stop's) is least bad; `common` is then the least with
which 90 % intervals hold 90 % on average and 75 % of each study. Simulated studies have no part in any choice. Shapes
and priors of the mixture are those of src/scaling/laws; FLAN and the language curves were in view when they were set,
the image curves, Farseer and the simulated studies were not.
"""

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from accept_then_stop import accept_then_stop
from forecast import read_flan, read_setfit
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import expit

from src.scaling.curve import Curve, Measurement
from src.scaling.fit import fit_law, points_needed
from src.scaling.hedge import Hedge
from src.scaling.laws import CATALOGUE
from src.scaling.laws.law import Law
from src.scaling.laws.saturating_laws import M4
from src.scaling.pooled_forecast import HEDGE, fit_study, forecast

DATA = Path(__file__).parents[1] / "../shared/data"
LINES = (0.0, 0.25, 0.5, 0.75, 1.0)
COMMONS = tuple(np.arange(0, 0.61, 0.05))
THINNED = 2**0.5
FEWEST_CURVES, FEWEST_SIZES = 3, 3
LEVELS = (0.5, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class Case:
    """A study cut at a share of its largest sizes. Errors are of ln L, of accuracies in points; shape (curves,)."""

    study: str
    ratio: int
    rivals: dict[str, np.ndarray]
    ours: dict[Hedge, "Outcome"]
    alone: np.ndarray | None

    @property
    def bar(self) -> float:
        """The error of the better of the two that anybody can draw by hand."""
        return min(rms(self.rivals["accept then stop"]), rms(self.rivals["last two sizes"]))


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


def studies() -> dict[str, list[Curve]]:
    setfit = {f"SetFit: {method}": curves for method, curves in read_setfit().items()}
    return {"FLAN": read_flan(), **read_nsl(), "Farseer": read_farseer(), **setfit, **simulated()}


def cut(curve: Curve, ratio: int) -> Curve | None:
    """The curve thinned, up to 1/ratio of its largest size; None where too few sizes are left."""
    kept = [curve.sizes[-1]]
    for n in curve.sizes[-2::-1]:
        if n >= 1 and kept[-1] / n >= 0.999 * THINNED:
            kept.append(n)
    kept = [n for n in kept if n <= 1.001 * curve.sizes[-1] / ratio]
    points = tuple(m for m in curve.measurements if m.n in kept)
    return Curve(curve.name, curve.metric, curve.kind, points, curve.chance) if len(kept) >= FEWEST_SIZES else None


def case(name: str, curves: Sequence[Curve], ratio: int, slow: bool) -> Case | None:
    cuts = [(curve, short) for curve in curves if (short := cut(curve, ratio)) is not None]
    if len(cuts) < FEWEST_CURVES:
        return None
    targets, shorts = [int(curve.sizes[-1]) for curve, _ in cuts], [short for _, short in cuts]
    measured = np.array([curve.means[-1] for curve, _ in cuts])
    on_scale: Callable[[np.ndarray], np.ndarray] = np.log if shorts[0].kind == "loss" else lambda a: 100 * a
    study = fit_study(shorts)
    at, place = np.unique(targets, return_inverse=True)

    def outcome(values: np.ndarray) -> Outcome:
        drawn, truth = on_scale(values), on_scale(measured)
        middle = np.median(drawn, axis=0)
        tails = [np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0) for level in LEVELS]
        ordered, count = np.sort(drawn, axis=0), len(drawn)
        gini = (2 * np.arange(1, count + 1) - count - 1) @ ordered / count**2
        best = middle.argmin() if shorts[0].kind == "loss" else middle.argmax()
        return Outcome(
            middle - truth,
            float(np.mean(np.abs(drawn - truth).mean(axis=0) - gini)),
            np.array([(low <= truth) & (truth <= high) for low, high in tails]),
            float(abs(truth[best] - (truth.min() if shorts[0].kind == "loss" else truth.max()))),
        )

    unhedged = study.latent(at.tolist(), 0, noise=True, hedge=Hedge(0.0, 0.0))

    def hedged(hedge: Hedge) -> np.ndarray:
        latent = hedge.beyond(unhedged, study.points, study.fitted, np.log(at), np.random.default_rng([0, 1]))
        return study.points.with_noise(latent, np.random.default_rng(0))[:, np.arange(len(cuts)), place]

    ours = {hedge: outcome(hedged(hedge)) for hedge in (Hedge(*of) for of in product(LINES, COMMONS))}
    alone = None
    if slow:
        by_themselves = [forecast([short], [n])[0].forecasts[0] for short, n in zip(shorts, targets, strict=True)]
        alone = on_scale(np.array([of.value for of in by_themselves])) - on_scale(measured)
    rivals = {"last value": np.array([short.means[-1] for short in shorts])}
    rivals["last two sizes"] = np.array([_last_two(short, n) for short, n in zip(shorts, targets, strict=True)])
    if shorts[0].kind == "loss":
        lines = [float(accept_then_stop(short, np.array([n]))[0]) for short, n in zip(shorts, targets, strict=True)]
        rivals["accept then stop"] = np.array(lines)
    laws = [
        law for law in CATALOGUE if shorts[0].kind in law.quantities and not law.over_sizes and (slow or law is not M4)
    ]
    for law in laws:
        rivals[law.name] = np.array([_by_law(short, law, n) for short, n in zip(shorts, targets, strict=True)])
    rivals["mean of the laws"] = np.mean([rivals[law.name] for law in laws], axis=0)
    off = {who: on_scale(np.maximum(values, 1e-9)) - on_scale(measured) for who, values in rivals.items()}
    off.setdefault("accept then stop", off["last two sizes"])
    return Case(name, ratio, off, ours, alone)


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


def chosen(others: Sequence[Case]) -> Hedge:
    """The hedge by the rule above."""
    real = [c for c in others if not c.study.startswith("simulated")] or list(others)
    worst = {
        line: max(rms(c.ours[Hedge(line, 0.0)].errors) / rms(c.rivals["accept then stop"]) for c in real)
        for line in LINES
    }
    line = min(LINES, key=lambda line: worst[line])
    for common in COMMONS:
        share = defaultdict(list)
        for c in real:
            share[c.study].append(c.ours[Hedge(line, common)].held[-1].mean())
        held = [np.mean(of) for of in share.values()]
        if np.mean(held) >= 0.9 and min(held) >= 0.75:
            break
    return Hedge(line, float(common))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", help="comma-separated; all by default")
    parser.add_argument("--ratios", default="4,8,16,64,512")
    parser.add_argument("--slow", action="store_true")
    asked = parser.parse_args()
    pool = {name: of for name, of in studies().items() if not asked.studies or name in asked.studies.split(",")}
    if len(pool) < 2:
        parser.error("a study is judged with what others chose: name two at least")
    wanted = [(name, ratio) for ratio in map(int, asked.ratios.split(",")) for name in pool]
    made = (case(name, pool[name], ratio, asked.slow) for name, ratio in track(wanted, transient=True))
    cases = [c for c in made if c is not None]
    left_out = {name: chosen([c for c in cases if c.study != name]) for name in {c.study for c in cases}}
    console = Console(width=160)

    table = Table(
        title="error of ln L (RMS) or in points (RMS), at a multiple of the largest size; chosen from the others"
    )
    for heading in ("study", "×", "line, common", "ours", "alone", "unhedged", "last two", "accept then stop"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for heading in ("best law", "CRPS", "50 %", "80 %", "90 %", "regret"):
        table.add_column(heading, justify="right")
    for c in cases:
        hedge, made = left_out[c.study], c.ours[left_out[c.study]]
        laws = {who: rms(off) for who, off in c.rivals.items()}
        best = min(
            (who for who in laws if who not in ("accept then stop", "last two sizes")), key=lambda who: laws[who]
        )
        cells = [rms(made.errors), math.nan if c.alone is None else rms(c.alone), rms(c.ours[Hedge(0.0, 0.0)].errors)]
        cells += [laws["last two sizes"], laws["accept then stop"]]
        table.add_row(
            c.study,
            str(c.ratio),
            f"{hedge.line:g}, {hedge.common:.2f}",
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
    names = [
        "ours",
        *(["alone"] if asked.slow else []),
        "unhedged",
        *dict.fromkeys(who for c in cases for who in c.rivals),
    ]
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
    least = min(held, key=lambda name: held[name][-1])
    console.print(f"least of a study at 90 %: {held[least][-1]:.0%} {least}")
    console.print(f"chosen from all studies: {chosen(cases)}; in use: {HEDGE}")


def _has(c: Case, who: str) -> bool:
    return who in ("ours", "alone", "unhedged") or who in c.rivals


def _error(c: Case, who: str, left_out: dict[str, Hedge]) -> float:
    own = {"ours": c.ours[left_out[c.study]].errors, "unhedged": c.ours[Hedge(0.0, 0.0)].errors}
    return rms((own | c.rivals | ({} if c.alone is None else {"alone": c.alone}))[who])


if __name__ == "__main__":
    main()
