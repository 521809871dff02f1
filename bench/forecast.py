"""How well the laws forecast, recover known parameters, and how fast they are fitted.

    python bench/forecast.py [flan] [subsets] [nsl] [simulated] [setfit] [accuracies] [two_step] [table7]
                             [recovery] [speed]

Data in ../shared/data: 30 models finetuned on 200 to 1,638,400 FLAN examples (Lin et al. 2402.02314), language curves
of Alabdulmohsin et al. 2209.06640, and accuracies of text classifiers (SetFit, Tunstall et al. 2209.11055). two_step
also reads the study `errors` from mlruns, where it is. Everything else is simulated from a fixed random seed.
"""

import csv
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from accept_then_stop import accept_then_stop
from scipy.special import expit, logit

from src.scaling.bootstrap import bootstrap
from src.scaling.curve import Curve, Kind, Measurement
from src.scaling.fit import fit_law
from src.scaling.laws import CATALOGUE
from src.scaling.laws.law import Law
from src.scaling.laws.power_laws import PAPER, POWER_FLOOR
from src.scaling.laws.saturating_laws import RECTIFIED
from src.scaling.pooled_forecast import CurveForecast, forecast
from src.scaling.two_step import TwoStep, fit_two_step

DATA = Path(__file__).parents[1] / "../shared/data"
BUDGETS = (204_800, 25_600, 3_200)
Estimator = Callable[[list[Curve], int, int], np.ndarray]


def read_flan() -> list[Curve]:
    with (DATA / "rectified_ft_law/flan.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Curve(
            row["config name"], "loss", "loss", tuple(Measurement(int(n), 0, float(row[n])) for n in row if n.isdigit())
        )
        for row in rows
    ]


def last_value(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([c.between(1, budget).means[-1] for c in curves])


def last_slope(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    """The straight line in log-log through the last two sizes."""
    return np.array([_line(*_logs(c, budget), 2, n) for c in curves])


def line_where_straight(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([accept_then_stop(c.between(1, budget), np.array([n]))[0] for c in curves])


def pooled(curves: list[Curve], budget: int, n: int) -> np.ndarray:
    return np.array([f.forecasts[0].value for f in forecast(curves, [n], budget)])


ESTIMATORS: dict[str, Estimator] = {
    "last value carried": last_value,
    "line through last two": last_slope,
    "accept then stop": line_where_straight,
    "pooled (ours)": pooled,
}


def _logs(curve: Curve, budget: int) -> tuple[np.ndarray, np.ndarray]:
    used = curve.between(1, budget)
    return np.log(used.sizes), np.log(used.means)


def _line(x: np.ndarray, y: np.ndarray, last: int, n: int) -> float:
    return float(np.exp(np.polyval(np.polyfit(x[-last:], y[-last:], 1), np.log(n))))


def coverage(curves: list[Curve], budget: int, n: int) -> tuple[float, float]:
    """The share of curves whose measured loss lies in the 50 % and in the 90 % interval."""
    measured = [c.means[-1] for c in curves]
    at = [f.forecasts[0] for f in forecast(curves, [n], budget)]
    halves = [f.interval_50[0] <= m <= f.interval_50[1] for f, m in zip(at, measured, strict=True)]
    nineties = [f.interval_90[0] <= m <= f.interval_90[1] for f, m in zip(at, measured, strict=True)]
    return float(np.mean(halves)), float(np.mean(nineties))


def flan_table() -> None:
    curves = read_flan()
    n = int(curves[0].sizes[-1])
    measured = np.array([c.means[-1] for c in curves])
    print(f"FLAN, {len(curves)} models: RMSLE / Pearson at n = {n:,}, fitted up to")
    print(f"{'':24}" + "".join(f"{budget:>18,}" for budget in BUDGETS))
    for name, estimate in ESTIMATORS.items():
        cells = []
        for budget in BUDGETS:
            predicted = estimate(curves, budget, n)
            error = np.sqrt(np.mean(np.log(predicted / measured) ** 2))
            cells.append(f"{error:.4f} / {np.corrcoef(predicted, measured)[0, 1]:.3f}")
        print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    shares = [coverage(curves, budget, n) for budget in BUDGETS]
    print(f"{'  coverage 50 / 90 %':24}" + "".join(f"{a:>9.0%} / {b:>6.0%}" for a, b in shares))

    fits = [np.sqrt((fit_law(c.between(1), RECTIFIED).residuals ** 2).mean()) for c in curves]
    print(f"rectified law fitted to all sizes: mean RMSD of ln L {np.mean(fits):.4f} (published 0.0065)")


def subset_table() -> None:
    """Other studies made of the same curves: fewer and other models, smaller targets. Nothing was chosen by family."""
    curves = read_flan()
    decoders = ("LaMini", "Cerebras", "opt", "gpt2", "phi", "mGPT")
    is_decoder = [any(word in c.name for word in decoders) for c in curves]
    pools = {
        "decoders": [c for c, decoder in zip(curves, is_decoder, strict=True) if decoder],
        "encoder-decoders": [c for c, decoder in zip(curves, is_decoder, strict=True) if not decoder],
        "every third": curves[::3],
    }
    print("FLAN, subsets: RMSLE of accept-then-stop → ours (coverage of the 90 % interval)")
    cases = ((204_800, 1_638_400), (25_600, 1_638_400), (3_200, 1_638_400), (51_200, 409_600), (6_400, 409_600))
    print(f"{'':18}" + "".join(f"{f'{budget:,} → {n:,}':>26}" for budget, n in cases))
    for name, pool in pools.items():
        cells = []
        for budget, n in cases:
            measured = np.array([c.means[c.sizes == n][0] for c in pool])
            at = [f.forecasts[0] for f in forecast(pool, [n], budget)]
            inside = np.mean([f.interval_90[0] <= m <= f.interval_90[1] for f, m in zip(at, measured, strict=True)])
            rival, ours = (
                np.sqrt(np.mean(np.log(predicted / measured) ** 2))
                for predicted in (line_where_straight(pool, budget, n), np.array([f.value for f in at]))
            )
            cells.append(f"{rival:.3f} → {ours:.3f} ({inside:.0%})")
        print(f"{name:18}" + "".join(f"{cell:>26}" for cell in cells))


def nsl_table() -> None:
    """Each domain pooled. A curve's error is over its own extrapolation points, the domain's the mean over curves."""
    best = {"NMT": 0.0208, "LM": 0.0009, "BB": 0.0087}
    rows: dict[str, dict[str, dict[tuple[int, float], bool]]] = defaultdict(lambda: defaultdict(dict))
    with (DATA / "revisiting_nsl/benchmark.lang.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            point = (int(float(row["Seen Examples"])), float(row["Loss"]))
            rows[row["Domain"]][f"{row['Task']} {row['Model']}"][point] = row["Training"] == "1"
    print("revisiting_nsl: mean RMSLE, and the best of M1–M4")
    for domain, of in rows.items():
        curves = [
            Curve(
                name, "loss", "loss", tuple(Measurement(n, 0, loss) for (n, loss), fitted in points.items() if fitted)
            )
            for name, points in of.items()
        ]
        wanted = [{n: loss for (n, loss), fitted in points.items() if not fitted} for points in of.values()]
        answers = forecast(curves, sorted({n for w in wanted for n in w}))
        errors = [
            np.sqrt(np.mean([np.log(f.value / w[f.n]) ** 2 for f in answer.forecasts if f.n in w]))
            for answer, w in zip(answers, wanted, strict=True)
        ]
        print(f"{domain:4} {np.mean(errors):.4f}  {best[domain]:.4f}")


def simulated_table() -> None:
    """Studies of 12 curves of a known law, 0.5 % noise; the last of 14 doublings from those up to an 8th and a 64th."""
    sizes = 200 * 2 ** np.arange(14)
    print("simulated studies: RMSLE of accept-then-stop → ours, coverage of 50 / 90 % intervals")
    for name in ("power", "floor", "transition", "rectified"):
        for doublings in (3, 6):
            off, rival, inside = [], [], []
            for seed in range(6):
                curves = simulated(name, sizes, np.random.default_rng(seed))
                budget, n = int(sizes[-1 - doublings]), int(sizes[-1])
                measured = np.array([c.means[-1] for c in curves])
                at = [f.forecasts[0] for f in forecast(curves, [n], budget)]
                off += np.log(np.array([f.value for f in at]) / measured).tolist()
                rival += np.log(line_where_straight(curves, budget, n) / measured).tolist()
                inside += [
                    (f.interval_50[0] <= m <= f.interval_50[1], f.interval_90[0] <= m <= f.interval_90[1])
                    for f, m in zip(at, measured, strict=True)
                ]
            half, ninety = np.mean(inside, axis=0)
            errors = [np.sqrt(np.mean(np.square(of))) for of in (rival, off)]
            print(f"{name:11} {2**doublings:3}× {errors[0]:.4f} → {errors[1]:.4f}   {half:.0%} / {ninety:.0%}")


def simulated(name: str, sizes: np.ndarray, rng: np.random.Generator) -> list[Curve]:
    """Twelve curves of one law whose parameters differ as those of models do."""
    x, made = np.log(sizes), []
    for index in range(12):
        level, floor, place = rng.normal(1.5, 0.2), rng.normal(0, 0.2), rng.normal(10, 1.5)
        beta = float(np.exp(rng.normal(0, 0.15)))
        logs = {
            "power": level - 0.1 * beta * x,
            "floor": np.logaddexp(floor, level + 0.5 - 0.25 * beta * x),
            "transition": level - 0.5 * np.logaddexp(0, 0.5 * (x - place)),
            "rectified": np.logaddexp(floor, level - 0.5 - np.logaddexp(0, 0.4 * beta * (x - place))),
        }[name]
        losses = np.exp(logs + 0.005 * rng.standard_normal(len(x)))
        points = tuple(Measurement(int(n), 0, float(v)) for n, v in zip(sizes, losses, strict=True))
        made.append(Curve(str(index), "loss", "loss", points))
    return made


def setfit_table() -> None:
    """Text classifiers on 2 to 16 examples per class (x is examples per class), 10 training sets each, predict 64."""
    print("setfit, fitted up to 16 examples per class: mean absolute error / RMSE at 64 in points, 50 / 90 % coverage")
    for method, curves in read_setfit().items():
        measured = np.array([c.means[c.sizes == 64][0] for c in curves])
        print_accuracies(f"{method}, {len(curves)} curves", curves, 16, measured, forecast(curves, [64], 16))


def read_setfit() -> dict[str, list[Curve]]:
    """By method: the curves of accuracies that have both 16 and 64 examples per class.

    Left out: the dataset scored by Matthews correlation, which is no accuracy, and training on everything ("full").
    Chance is left at 0: what the smallest training sets give lies below it.
    """
    points: dict[str, dict[str, list[Measurement]]] = defaultdict(lambda: defaultdict(list))
    with (DATA / "setfit_curves/results_long.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["measure"] in ("acc", "accuracy") and row["examples_per_class"].isdigit():
                point = Measurement(int(row["examples_per_class"]), int(row["split"]), float(row["score"]) / 100)
                points[row["method"]][f"{row['archive']} {row['dataset']}"].append(point)
    made = {
        method: [Curve(name, "accuracy", "accuracy", tuple(of)) for name, of in curves.items()]
        for method, curves in points.items()
    }
    both = {method: [c for c in curves if {16, 64} <= set(c.sizes)] for method, curves in made.items()}
    return {method: curves for method, curves in both.items() if curves}


def accuracies_table() -> None:
    """6 studies of 12 curves of a known law, 1,000 items, 0.15 between seeds on the logit scale: 1,000 → 8,000."""
    print("simulated accuracies, 10 … 1,000 → 8,000: mean absolute error / RMSE in points, 50 / 90 % coverage")
    for name in ("paper", "floor", "logistic", "exponential"):
        for seeds in (1, 3):
            curves, answers = [], []
            for study in range(6):
                made = simulated_accuracies(name, seeds, np.random.default_rng(study))
                curves += made
                answers += forecast(made, [8000], 1000)
            measured = np.array([c.means[-1] for c in curves])
            print_accuracies(f"{name}, {seeds} seed" + "s" * (seeds > 1), curves, 1000, measured, answers)


def simulated_accuracies(name: str, seeds: int, rng: np.random.Generator) -> list[Curve]:
    """Twelve curves of one law whose parameters differ as those of models do."""
    sizes, made = np.array([10, 32, 100, 316, 1000, 8000]), []
    for index in range(12):
        level, rate, place = np.exp(rng.normal(0, (0.3, 0.15, 1.0)))
        exact = {
            "paper": np.minimum(0.05 * level * sizes ** (0.25 * rate), 0.95),
            "floor": (1 - 0.2 * level) * (1 - (sizes / 3) ** (-0.3 * rate)),
            "logistic": (1 - 0.2 * level) * expit(0.7 * rate * np.log(sizes / (500 * place))),
            "exponential": 1 - 0.25 * level - 0.6 * np.exp(-sizes / (2000 * place)),
        }[name]
        points = []
        for n, p in zip(sizes, np.clip(exact, 0.01, 0.99), strict=True):
            for seed in range(seeds):
                items = (rng.random(1000) < expit(logit(p) + 0.15 * rng.standard_normal())).astype(float)
                points.append(Measurement(int(n), seed, float(items.mean()), items))
        made.append(Curve(str(index), "accuracy", "accuracy", tuple(points)))
    return made


def print_accuracies(
    name: str, curves: list[Curve], budget: int, measured: np.ndarray, answers: list[CurveForecast]
) -> None:
    """Our error and coverage, and the error of carrying the last value within the budget."""
    at = [answer.forecasts[0] for answer in answers]
    cells = []
    for predicted in (last_value(curves, budget, at[0].n), np.array([f.value for f in at])):
        off = 100 * (predicted - measured)
        cells.append(f"{np.abs(off).mean():5.2f} / {np.sqrt((off**2).mean()):5.2f}")
    halves, nineties = (
        np.mean([low <= m <= high for (low, high), m in zip(ends, measured, strict=True)])
        for ends in ([f.interval_50 for f in at], [f.interval_90 for f in at])
    )
    print(f"{name:22} last value {cells[0]}  ours {cells[1]}   {halves:.0%} / {nineties:.0%}")


def two_step_table() -> None:
    """Studies of 6 models whose accuracy is one sigmoid of the loss, 1,000 → 8,000; then measured curves."""
    print("through the loss: mean absolute error / RMSE in points, 50 / 90 % coverage")
    for scale in ("loss", "ln loss"):
        accuracies, steps, direct = [], [], []
        for study in range(6):
            loss, accuracy = simulated_pairs(scale, np.random.default_rng(study))
            accuracies += accuracy
            steps += _up_to(loss, accuracy, 1000).forecast([8000])
            direct += forecast(accuracy, [8000], 1000)
        wanted = np.array([c.means[-1] for c in accuracies])
        print_accuracies(f"in {scale}, two steps", accuracies, 1000, wanted, steps)
        print_accuracies(f"in {scale}, direct", accuracies, 1000, wanted, direct)
    runs = Path(__file__).parents[1] / "mlruns"
    if (runs / "mlflow.db").exists():
        benchmarks_through_the_loss(runs)


def simulated_pairs(scale: str, rng: np.random.Generator) -> tuple[list[Curve], list[Curve]]:
    """Losses by power laws with floor, 2 % noise; accuracies of 1,000 items with 0.1 of scatter on the logit scale."""
    sizes, losses, accuracies = np.array([10, 32, 100, 316, 1000, 8000]), [], []
    for index in range(6):
        floor, level, rate = np.exp(rng.normal(0, (0.3, 0.2, 0.15)))
        loss = (0.1 * floor + 3 * level * sizes ** (-0.3 * rate)) * np.exp(0.02 * rng.standard_normal(len(sizes)))
        place = {"loss": 4 * (0.4 - loss), "ln loss": 2 * np.log(0.4 / loss)}[scale]
        p = 0.9 * expit(place + 0.1 * rng.standard_normal(len(sizes)))
        pairs = list(zip(sizes, loss, rng.binomial(1000, p) / 1000, strict=True))
        losses.append(Curve(str(index), "loss", "loss", tuple(Measurement(int(n), 0, float(v)) for n, v, _ in pairs)))
        told = tuple(Measurement(int(n), 0, float(v), stderr=float(np.sqrt(v * (1 - v) / 1000))) for n, _, v in pairs)
        accuracies.append(Curve(str(index), "accuracy", "accuracy", told))
    return losses, accuracies


def benchmarks_through_the_loss(runs: Path) -> None:
    """The curves of the study `errors`, each of another benchmark and by itself: 10 … 1,000 → 3,162."""
    from src.study.curves import curves_of, measured  # with MLflow, which the other tables need not wait for
    from src.tracking.query import points, studies
    from src.tracking.store import open_store

    store = open_store(None, runs)
    if "errors" not in studies(store):
        return
    records, _ = curves_of(points(store, "errors"))
    losses, accuracies = measured("eval/nll", records), measured("eval/accuracy", records)
    fitted = [_up_to([loss], [accuracy], 1000) for loss, accuracy in zip(losses, accuracies, strict=True)]
    wanted, known = (np.array([c.means[c.sizes == 3162][0] for c in curves]) for curves in (accuracies, losses))
    steps = [of.forecast([3162])[0] for of in fitted]
    direct = [forecast([accuracy], [3162], 1000)[0] for accuracy in accuracies]
    print_accuracies("measured, two steps", accuracies, 1000, wanted, steps)
    print_accuracies("measured, direct", accuracies, 1000, wanted, direct)
    second = [
        np.median(np.concatenate([s.accuracy(np.full(len(s.theta), loss)) for s in of.sigmoids]))
        for of, loss in zip(fitted, known, strict=True)
    ]
    print(f"measured, the second step alone, from the measured loss: {100 * np.abs(second - wanted).mean():.2f}")


def _up_to(losses: list[Curve], accuracies: list[Curve], budget: int) -> TwoStep:
    return fit_two_step([c.between(1, budget) for c in losses], [c.between(1, budget) for c in accuracies])


# The paper's Table 7, (a, b) of P = a·D^(1/b) in percent: Llama-3-8B, Mistral-7B, Llama-2-7B.
TABLE_7 = {
    "math": ((19.47, 7.66), (8.14, 4.97), (4.21, 5.47)),
    "SubQA": ((11.54, 7.77), (5.40, 7.75), (8.27, 9.39)),
    "HumanEval+": ((27.14, 23.43), (17.10, 17.47), (3.95, 7.11)),
    "IF (Conifer)": ((31.06, 11.90), (21.76, 9.28), (17.83, 10.00)),
    "IF (Dolly)": ((30.94, 21.12), (23.76, 15.15), (17.04, 14.54)),
}
SWEEP = np.array([100, 500, 1000, 5000, 10_000])
ITEMS = 1319


def table7(trials: int = 100) -> None:
    """The paper's pairs from exact points of its sweep, and from single runs scored on 1,319 items."""
    off, inside = [], []
    for pair in (pair for row in TABLE_7.values() for pair in row):
        truth = np.array(pair)
        exact = PAPER.predict(SWEEP, truth) / 100
        points = zip(SWEEP, exact, strict=True)
        curve = Curve("c", "accuracy", "accuracy", tuple(Measurement(int(n), 0, float(p)) for n, p in points))
        off.append(np.abs(fit_law(curve, PAPER).parameters / truth - 1))
        for trial in range(trials):
            scored = _scored(exact, np.random.default_rng(trial))
            sample = bootstrap(scored, fit_law(scored, PAPER), seed=trial)
            low, high = sample.parameter_intervals().T
            inside.append((low <= truth) & (truth <= high))
    print(f"Table 7, {len(off)} pairs: largest relative error from exact points {np.max(off):.1e}")
    a, b = np.mean(inside, axis=0)
    print(f"coverage of 90 % intervals, {ITEMS:,} items, single runs, {trials} trials each: a {a:.1%}, b {b:.1%}")


def _scored(exact: np.ndarray, rng: np.random.Generator) -> Curve:
    points = []
    for n, value in zip(SWEEP, rng.binomial(ITEMS, exact) / ITEMS, strict=True):
        error = float(np.sqrt(value * (1 - value) / ITEMS))
        points.append(Measurement(int(n), 0, float(value), stderr=error))
    return Curve("c", "accuracy", "accuracy", tuple(points))


def recovery_table(trials: int = 100) -> None:
    """Each law from noisy points of its own: 4 seeds, noise of 1 % (losses) or 1 point (accuracies) between seeds."""
    print("recovery: median error of the estimate / coverage of its 90 % interval, per parameter")
    for law in (law for law in CATALOGUE if not law.over_sizes):
        estimates, inside = [], []
        truth = np.array(law.example)
        for trial in range(trials):
            curve = _noisy(law, truth, np.random.default_rng(trial))
            fit = fit_law(curve, law)
            sample = bootstrap(curve, fit, replicates=200, seed=trial)
            low, high = sample.parameter_intervals().T
            estimates.append(fit.parameters)
            inside.append((low <= truth) & (truth <= high))
        bias = np.median(estimates, axis=0) / truth - 1
        cells = zip(law.parameters, bias, np.mean(inside, axis=0), strict=True)
        print(f"{law.name:18}" + "  ".join(f"{p.name} {off:+.1%} / {share:.0%}" for p, off, share in cells))


def _noisy(law: Law, truth: np.ndarray, rng: np.random.Generator) -> Curve:
    kind: Kind = "loss" if "loss" in law.quantities else "accuracy"
    sizes = np.round(10 * 4.0 ** np.arange(12 if kind == "loss" else 6))
    exact = law.quantities[kind].to_metric(law.predict(sizes, truth))
    points = []
    for n, value in zip(sizes, exact, strict=True):
        for seed in range(4):
            noise = rng.standard_normal() * 0.01
            points.append(Measurement(int(n), seed, float(value * np.exp(noise) if kind == "loss" else value + noise)))
    return Curve("c", kind, kind, tuple(points))


def speed_table(curves: int = 1000, replicates: int = 1000) -> None:
    """A law of three parameters fitted to curves and to their bootstrap replicates, in one process."""
    truth = np.array(POWER_FLOOR.example)
    made = [_noisy(POWER_FLOOR, truth, np.random.default_rng(i)).between(10, 10_000_000) for i in range(curves)]
    started = time.perf_counter()
    for curve in made:
        bootstrap(curve, fit_law(curve, POWER_FLOOR), replicates)
    seconds = time.perf_counter() - started
    # The bootstrap solves each replicate from two starts.
    print(
        f"{curves:,} curves × {replicates:,} replicates: {seconds:.1f} s, {curves * replicates / seconds:,.0f} fits/s"
    )


TABLES = {
    "flan": flan_table,
    "subsets": subset_table,
    "nsl": nsl_table,
    "simulated": simulated_table,
    "setfit": setfit_table,
    "accuracies": accuracies_table,
    "two_step": two_step_table,
    "table7": table7,
    "recovery": recovery_table,
    "speed": speed_table,
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or TABLES:
        TABLES[chosen]()
        print()
