"""Do the answers on curves hold: examples needed for a target, the best curve, saturated or scaling?

    python bench/answers.py [--studies=flan,NMT,…] [--ratios=8,64]

Over the studies and cuts of the tournament (bench/tournament.py), whose pooled curves are forecast with what is in use.

- Examples needed. The target is what a curve is expected to reach at the geometric middle between its last size and its
  largest: it is known before anything beyond the cut is looked at. How often does the n at which the measured means
  first get there (between two sizes by a line in ln n) lie in the 90 % interval? One that is not there by the largest
  size is held if the interval reaches beyond that.
- Reaches the same target by n, for n a quarter, half, three quarters of the way to the largest size in ln n, and there:
  how often was it so, by the probability with which it was said?
- Best curve, at the largest n that all have: how often was the curve of least expected regret the best, beside what was
  said of it; its regret, beside what was expected; of each two curves, how often the one said to be better was so, by
  the probability with which it was said. Losses are compared in ln L, accuracies in points.
- Saturated or scaling, from the cut curve: what a decade of n beyond the cut then brought.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tournament import pairs, studies

from src.scaling.curve import Curve
from src.scaling.joint_draws import JointDraws, draw_jointly
from src.scaling.ranking import rank
from src.scaling.superficial import SMALLEST, superficial

BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0 + 1e-9)


def first_reached(curve: Curve, after: float, target: float) -> float | None:
    """The n beyond `after` at which the means first get to the target; None where they do not."""
    better = np.less_equal if curve.kind == "loss" else np.greater_equal
    for place in np.flatnonzero((curve.sizes > after) & better(curve.means, target)):
        before, here = curve.means[place - 1 : place + 1]
        share = 1.0 if better(before, target) or before == here else (target - before) / (here - before)
        return float(np.exp(np.log(curve.sizes[place - 1]) * (1 - share) + np.log(curve.sizes[place]) * share))
    return None


def needed(drawn: JointDraws, cuts: Sequence[tuple[Curve, Curve]]) -> list[bool]:
    """Whether each curve's interval held."""
    held = []
    for index, (curve, short) in enumerate(cuts):
        target = float(np.median(drawn.of(index, middle(curve, short))))
        said, true = drawn.examples_needed(index, target), first_reached(curve, short.sizes[-1], target)
        low, high = (math.inf if end is None else end for end in (said.low, said.high))
        held.append(high > curve.sizes[-1] if true is None else low <= true <= high)
    return held


def reached(drawn: JointDraws, cuts: Sequence[tuple[Curve, Curve]]) -> list[tuple[float, bool]]:
    """For each curve and each of its stops, how probable it is that the target is reached there, and whether it was."""
    said = []
    for index, (curve, short) in enumerate(cuts):
        target = float(np.median(drawn.of(index, middle(curve, short))))
        true = first_reached(curve, short.sizes[-1], target) or math.inf
        for n in stops(curve, short):
            there = drawn.of(index, n)
            by_draws = there <= target if curve.kind == "loss" else there >= target
            said.append((float(by_draws.mean()), true <= n))
    return said


def middle(curve: Curve, short: Curve) -> int:
    """The second of the stops."""
    return round(math.sqrt(short.sizes[-1] * curve.sizes[-1]))


def stops(curve: Curve, short: Curve) -> list[int]:
    logs = np.linspace(math.log(short.sizes[-1]), math.log(curve.sizes[-1]), 5)[1:]
    return [round(n) for n in np.exp(logs)]


def value_at(curve: Curve, n: int) -> float:
    """Higher is better: an accuracy in points, or −ln L, between two sizes by a line in ln n."""
    heights = 100 * curve.means if curve.kind == "accuracy" else -np.log(curve.means)
    used = curve.sizes >= 1
    return float(np.interp(math.log(n), np.log(curve.sizes[used]), heights[used]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", help="comma-separated; all by default")
    parser.add_argument("--ratios", default="8,64")
    asked = parser.parse_args()
    pool = {name: of for name, of in studies().items() if not asked.studies or name in asked.studies.split(",")}
    table = Table(title="examples needed; the best curve at the largest n")
    for heading in ("study", "×", "curves", "needed: 90 % held", "best said", "was", "expected regret", "regret"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    said_of_pairs: dict[int, list[bool]] = defaultdict(list)
    said_of_targets: dict[int, list[bool]] = defaultdict(list)
    best: list[tuple[float, bool]] = []
    verdicts: dict[str, list[float]] = defaultdict(list)
    for name, ratio in track([(n, r) for r in map(int, asked.ratios.split(",")) for n in pool], transient=True):
        groups = pairs(pool[name], ratio)
        if not groups:
            continue
        held: list[bool] = []
        for cuts in groups:
            common = int(min(curve.sizes[-1] for curve, _ in cuts))
            asked_for = sorted({n for pair in cuts for n in (*stops(*pair), middle(*pair))})
            drawn = draw_jointly([short for _, short in cuts], [*asked_for, common])
            held += needed(drawn, cuts)
            for p, was in reached(drawn, cuts):
                said_of_targets[min(int(5 * p), 4)].append(was)
            for curve, short in cuts:
                verdict = superficial(short).verdict
                decades = math.log10(curve.sizes[-1] / short.sizes[-1])
                gain = value_at(curve, int(curve.sizes[-1])) - value_at(curve, int(short.sizes[-1]))
                smallest = SMALLEST[curve.kind] * (100 if curve.kind == "accuracy" else 1)
                verdicts[verdict].append(gain / decades / smallest)
        cells = ["–"] * 4
        if len(groups) == 1:
            draws, kind = drawn.at(common), cuts[0][0].kind
            height = 100 * draws if kind == "accuracy" else -np.log(draws)
            true = np.array([value_at(curve, common) for curve, _ in cuts])
            first = rank(draws, kind)[0]
            right = bool(true[first.index] == true.max())
            best.append((first.probability_best, right))
            expected = (height.max(axis=1) - height[:, first.index]).mean()
            regret = true.max() - true[first.index]
            cells = [f"{first.probability_best:.0%}", "yes" if right else "no", f"{expected:.3g}", f"{regret:.3g}"]
            for a in range(len(cuts)):
                for b in range(a):
                    p = float((height[:, a] > height[:, b]).mean())
                    of_a = bool(true[a] > true[b])
                    said_of_pairs[int(np.searchsorted(BINS, max(p, 1 - p), "right")) - 1].append(of_a == (p >= 0.5))
        table.add_row(name, str(ratio), str(sum(map(len, groups))), f"{np.mean(held):.0%}", *cells)
    console = Console(width=160)
    console.print(table)
    stated, came = np.mean(best, axis=0)
    console.print(f"best curve of {len(best)} choices: said with {stated:.0%} on average, true of {came:.0%}")
    for k, of in sorted(said_of_pairs.items()):
        console.print(f"of two curves, said with {BINS[k]:.0%} to {BINS[k + 1]:.0%}: {np.mean(of):.0%} of {len(of):,}")
    for k, of in sorted(said_of_targets.items()):
        console.print(f"reached by n, said with {k / 5:.0%} to {(k + 1) / 5:.0%}: {np.mean(of):.0%} of {len(of):,}")
    for verdict, gains in verdicts.items():
        share = np.mean(np.array(gains) > 0), np.mean(np.array(gains) >= 1)
        console.print(f"{verdict}: {len(gains)} curves; {share[0]:.0%} then gained, {share[1]:.0%} as much as counts")


if __name__ == "__main__":
    main()
