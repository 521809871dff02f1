"""The report's section on what to make of the forecasts: does it scale, which base, what to measure next."""

from collections.abc import Sequence

from src.report.drawing.table import number, with_interval
from src.report.parts import Cell, Section, Table
from src.study.forecasts import TIMES, StudyForecast


def answer_section(made: Sequence[StudyForecast]) -> Section:
    parts: list[str | Table] = [
        "Superficial, or does it scale? The gain per decade of n (weighted least squares) from the largest n measured "
        "in 100 … 1,000 on, with its 90 % interval: points of accuracy, or percent off the loss. “saturated”: below "
        "1 point or 2 % (one-sided t test at 5 %). “scales”: above 0 (the same), and not shown to be that small.",
        Table(["curve", "metric", "from n", "gain per decade", "p of none", "verdict"], [_verdict(of) for of in made]),
        "What the next doubling of n brings to the expected metric (a loss that improves falls); and the n at which "
        f"one more run narrows the forecast at {TIMES[-1]} times the largest n most for its cost, with the forecast's "
        "standard deviation now and then (of the accuracy, or as a share of the loss).",
        Table(["curve", "metric", "largest n", "next doubling", "measure at n", "narrows"], [_next(of) for of in made]),
    ]
    rows = [row for of in _benchmarks(made) if len(of) > 1 for row in _best(of)]
    if rows:
        parts += [
            f"Which curve will be best at {', '.join(map(str, TIMES))} times the benchmark's largest n; the regret is "
            "what choosing it is expected to cost (accuracy, or share of the loss).",
            Table(["benchmark", "metric", "n", "best", "expected", "probability", "regret", "then"], rows),
        ]
    return Section("Superficial or scaling", parts)


def _verdict(of: StudyForecast) -> list[Cell]:
    found = of.saturation
    if found.percent is None or found.low is None or found.high is None or found.p_gain is None:
        return [found.curve, found.metric, None, None, None, found.sentence]
    gain = with_interval(*(float(f"{x:.3g}") for x in (found.percent, found.low, found.high)))
    return [found.curve, found.metric, found.n0, gain, float(f"{found.p_gain:.2g}"), found.verdict]


def _next(of: StudyForecast) -> list[Cell]:
    doubling = with_interval(*(float(f"{x:.2g}") for x in (of.gain.value, of.gain.low, of.gain.high)))
    narrows = f"{number(float(f'{of.next_n.now:.2g}'))} → {number(float(f'{of.next_n.after:.2g}'))}"
    return [of.curve.name, of.curve.metric, of.largest, doubling, of.next_n.n, narrows]


def _benchmarks(made: Sequence[StudyForecast]) -> list[list[StudyForecast]]:
    groups: dict[tuple[str, str], list[StudyForecast]] = {}
    for of in made:
        groups.setdefault((of.benchmark, of.curve.metric), []).append(of)
    return list(groups.values())


def _best(group: Sequence[StudyForecast]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for n in group[0].ranked:
        first, second = sorted(group, key=lambda of: of.ranked[n].regret)[:2]
        best, then = first.ranked[n], second.ranked[n]
        rows.append(
            [first.benchmark, first.curve.metric, n, first.curve.name, float(f"{best.expected:.3g}"),
             f"{best.probability_best:.0%}", float(f"{best.regret:.2g}"),
             f"{second.curve.name} ({then.probability_best:.0%})"]
        )  # fmt: skip
    return rows
