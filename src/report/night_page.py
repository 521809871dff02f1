"""The page about a night: what became worse, every curve beside what it was, and the weeks before."""

from collections.abc import Mapping, Sequence

import numpy as np

from src.report.drawing.page import page
from src.report.parts import Chart, Dot, Section, Series, Table
from src.study.curves import curve_of
from src.study.nights import Comparison, PointsOf

SHARES = ("accuracy", "_rate")


def night_page(
    date: str,
    verdict: str,
    rows: Sequence[Comparison],
    nights: Mapping[str, PointsOf],
    codes: Mapping[str, str],
    equal: tuple[int, int],
    level: float,
    metrics: Sequence[str],
    troubles: Sequence[str],
) -> str:
    """The HTML text; `nights` are the good nights before by date, with tonight as the last, `codes` what they ran."""
    tonight = nights[date]
    points = _counted(sum(len(of) for of in tonight.values()), "point")
    same = f", {equal[0]} of {equal[1]} equal to those of the night before to the last bit" if equal[1] else ""
    against = " and with the ".join(dict.fromkeys(row.against for row in rows))
    compared = f"; {_counted(len(rows), 'comparison')} with {against}" if rows else ""
    lead = f"{points} on {_counted(len(tonight), 'curve')}{same}{compared}"
    sections = [
        Section("What is worse", [*_worse(rows, len(nights) - 1), *_code(codes, date)]),
        Section("Tonight and the night before" if len(nights) > 1 else "Tonight", _beside(nights, date, metrics)),
    ]
    if len(nights) > 2:
        sections.append(Section("Over the nights", _over(nights, metrics)))
    if rows:
        sections.append(Section("All comparisons", [_table(sorted(rows, key=lambda row: row.p))]))
        sections.append(Section("How it was judged", [_method(level)]))
    return page(f"Night of {date}: {verdict}", lead, sections, troubles)


def summary(
    date: str, verdict: str, rows: Sequence[Comparison], codes: Mapping[str, str], troubles: Sequence[str]
) -> str:
    """The night in a few lines, for a message."""
    alarms = _alarms(rows)
    return "\n".join([f"Night of {date}: {verdict}", *troubles, *alarms, *(_code(codes, date) if alarms else ())])


def _alarms(rows: Sequence[Comparison]) -> list[str]:
    """A sentence for each curve and metric that has alarms, about the clearest of them."""
    alike: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in sorted(rows, key=lambda row: row.p):
        if row.alarm:
            alike.setdefault((row.curve, row.metric, row.what), []).append(row)
    sentences = []
    for (curve, metric, what), of in alike.items():
        first = of[0]
        sizes = sorted({row.n for row in of if row.n is not None})
        where = f"at n = {', '.join(f'{n:,}' for n in sizes)}" if sizes else f"in the {what}:"
        where += f"; at {first.n:,}" if len(sizes) > 1 else ""
        sentences.append(
            f"{curve}: {metric} {where} it was {first.before:.4g} ({first.against}) and is {first.tonight:.4g}."
        )
    return sentences


def _worse(rows: Sequence[Comparison], good_nights: int) -> list[str]:
    if not good_nights:
        return ["There is no good night to compare with yet."]
    if not rows:
        return ["Nothing of tonight can be compared."]
    return _alarms(rows) or ["Nothing that chance does not explain."]


def _code(codes: Mapping[str, str], date: str) -> list[str]:
    """What ran tonight and in the last good night before, where both are known."""
    *_, before = ["", *(night for night in codes if night != date)]
    if not before or not codes[before] or not codes.get(date):
        return []
    if codes[before] == codes[date]:
        return [f"The code is that of {before}: {codes[date]}."]
    return [f"The code is {codes[date]}; that of {before} was {codes[before]}."]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(rows: Sequence[Comparison]) -> Table:
    headings = ["curve", "metric", "what", "n", "against", "before", "tonight", "change", "standard error", "p"]
    return Table(
        headings,
        [
            [r.curve, r.metric, r.what, r.n, r.against, *(f"{x:.4g}" for x in (r.before, r.tonight)),
             f"{r.change:+.3g}", f"{r.stderr:.2g}", f"{r.p:.2g}"]
            for r in rows
        ],
    )  # fmt: skip


def _beside(nights: Mapping[str, PointsOf], date: str, metrics: Sequence[str]) -> list[str | Chart]:
    """A chart for each curve and metric, with the last good night and tonight."""
    *_, before = [None, *(of for of in nights if of != date)]
    shown = {f"{before}, the last good night": before, "tonight": date} if before else {"tonight": date}
    charts: list[str | Chart] = []
    for name in nights[date]:
        for metric in metrics:
            series = [Series(label, dots) for label, of in shown.items() if (dots := _dots(nights[of], name, metric))]
            if series:
                short = metric.split("/")[-1]
                joined = [Series(s.name, s.dots, joined=True) for s in series]
                charts.append(
                    Chart(name, short, joined, percent=short.endswith(SHARES), log_y=short in ("nll", "loss"))
                )
    return charts or ["No point of tonight is complete."]


def _dots(of: PointsOf, name: str, metric: str) -> list[Dot]:
    if not any(metric in point.metrics for point in of.get(name, ())):
        return []
    curve = curve_of(name, of[name], metric)
    errors = np.full(len(curve.sizes), np.nan) if curve.standard_errors is None else curve.standard_errors
    return [Dot(float(n), float(m), float(e)) for n, m, e in zip(curve.sizes, curve.means, errors, strict=True)]


def _over(nights: Mapping[str, PointsOf], metrics: Sequence[str]) -> list[str | Chart]:
    """A chart for each metric: the mean over each curve's points against the night."""
    charts: list[str | Chart] = []
    for metric in metrics:
        series: dict[str, list[Dot]] = {}
        for place, (date, points_of) in enumerate(nights.items(), start=1 - len(nights)):
            for name, points in points_of.items():
                values = [point.metrics[metric] for point in points if metric in point.metrics]
                if values:
                    series.setdefault(name, []).append(Dot(place, float(np.mean(values)), note=date))
        short = metric.split("/")[-1]
        lines = [Series(name, dots, joined=True) for name, dots in series.items()]
        charts.append(
            Chart(f"{short}, mean over the curve", short, lines, x_label="nights from tonight", along="night",
                  log_x=False, percent=short.endswith(SHARES))
        )  # fmt: skip
    return charts


def _method(level: float) -> str:
    return (
        "Each mean is held against the same point of the last good night and of the mean of the good nights before, "
        "paired over test items, with the scatter between training sets as its error; only worse counts. Each law's "
        "exponent is compared both ways, with the error of its bootstrap. All are judged together (Holm 1979): "
        f"in a night without any change for the worse the chance of an alarm is at most {level:.0%}."
    )
