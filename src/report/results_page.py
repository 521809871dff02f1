"""A study's measurements as one Markdown page: what was measured at every n, in plain words and tables."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from src.report.caveats import caveats
from src.scaling.analysis import Row
from src.scaling.curve import Curve
from src.scaling.laws.power_laws import PAPER
from src.scaling.noise import difference
from src.study.curves import curve_of
from src.tracking.provenance import provenance
from src.tracking.query import PointRecord

CPUINFO = Path("/proc/cpuinfo")
FEW_FORMAT_ERRORS = 0.05
DECADE = 10


def results_page(study: str, points_of: Mapping[str, Sequence[PointRecord]], laws: Sequence[Row]) -> str:
    """The page of a study's curves, each a list of points that differ in n and seed, with the laws fitted to them."""
    git = provenance()
    commit = git["fathom.git.commit"][:10] + (" with changes" if git["fathom.git.dirty"] == "true" else "")
    head = [
        f"# Results: {study}",
        "",
        f"Made by `python src/analyze.py study={study}` on {datetime.now(UTC):%Y-%m-%d}, commit {commit}, "
        f"{_machine()}; torch {version('torch')}, transformers {version('transformers')}. Accuracies are means over "
        "seeds ± one standard error of test items and seeds; every seed draws other examples. Errors are shares of the "
        "test items.",
        *(f"\n**{caveat}**" for caveat in caveats(points_of)),
    ]
    sections = (_section(name, points, laws) for name, points in points_of.items())
    joint = [row for row in laws if row.curve not in points_of]
    tail = ["", "## Over model sizes", "", *(f"{_law(row)} ({row.curve}, {row.metric})" for row in joint)]
    return "\n".join([*head, *(line for section in sections for line in section), *(tail if joint else [])]) + "\n"


def _section(name: str, points: Sequence[PointRecord], laws: Sequence[Row]) -> list[str]:
    accuracy = curve_of(name, points, "eval/accuracy")
    format_errors, reasoning, loss = (
        _means(name, points, f"eval/{metric}") for metric in ("format_error_rate", "reasoning_error_rate", "nll")
    )
    lines = ["", f"## {name}", "", f"{_chance(points)}{_contamination(points)}".strip(), ""]
    lines += [
        "| n | seeds | accuracy | format errors | reasoning errors | loss (nats a token) |",
        "|---|---|---|---|---|---|",
    ]
    for place, n in enumerate(accuracy.sizes):
        stderr, _ = accuracy.noise.at(place)
        cells = [f"{n:,.0f}", str(accuracy.seeds[place]), f"{100 * accuracy.means[place]:.1f} ± {100 * stderr:.1f} %"]
        cells += [f"{100 * of[n]:.1f} %" if n in of else "–" for of in (format_errors, reasoning)]
        lines.append(f"| {' | '.join(cells)} | {f'{loss[n]:.3f}' if n in loss else '–'} |")
    lines += ["", f"{_rise(accuracy)} {_format(format_errors)}", ""]
    fitted = [row for row in laws if row.curve == name and row.metric == "eval/accuracy"]
    return [*lines, *(_law(row) for row in fitted), *(_verdict(row) for row in fitted if row.law == PAPER.name)]


def _means(name: str, points: Sequence[PointRecord], metric: str) -> dict[float, float]:
    """The mean over seeds by n, of the points that have the metric."""
    if not any(metric in point.metrics for point in points):
        return {}
    curve = curve_of(name, points, metric)
    return dict(zip(curve.sizes, curve.means, strict=True))


def _verdict(paper: Row) -> str:
    if paper.hold_out.endswith("outside"):
        return "\nIt does **not** follow the power law: fitted to the smaller sizes, the law misses the largest."
    if paper.hold_out.endswith("inside"):
        return "\nThe power law fitted to the smaller sizes holds at the largest."
    return "\nWhether it follows a power law cannot be said."


def _law(row: Row) -> str:
    parameters = ", ".join(f"{name} = {value}" for name, value in row.parameters.items())
    said = [f"R² {row.r_squared}; held out {row.hold_out}" if parameters else "", row.note]
    text = "; ".join(part for part in (parameters, *said) if part)
    return f"- {row.law}: {text}" if parameters else f"- {text}"


def _chance(points: Sequence[PointRecord]) -> str:
    metrics = points[0].metrics
    if "eval/chance" not in metrics:
        return ""
    items, chance = metrics["eval/n_items"], 100 * metrics["eval/chance"]
    return f"{items:.0f} test items; the pool's commonest answer given to all of them scores {chance:.1f} %. "


def _contamination(points: Sequence[PointRecord]) -> str:
    largest = max(points, key=lambda point: point.n_examples)
    if "data/exact_duplicates" not in largest.metrics:
        return ""
    exact, near = largest.metrics["data/exact_duplicates"], largest.metrics["data/near_duplicates"]
    return (
        f"Of their prompts {exact:.0f} occur among the {largest.n_examples:,} training examples, "
        f"{near:.0f} nearly do (80 % of the words in shared 8-grams)."
    )


def _rise(accuracy: Curve) -> str:
    """Over which decade of n the accuracy rises most."""
    n = accuracy.sizes
    rises = [
        (float(accuracy.means[many] - accuracy.means[few]), few, many)
        for few in range(len(n))
        for many in [int(np.searchsorted(n, DECADE * n[few]))]
        if n[few] > 0 and many < len(n)
    ]
    if not rises:
        return "No decade of n was measured."
    gain, few, many = max(rises)
    stderr, _ = difference(accuracy.noise, few, accuracy.noise, many)
    return (
        f"Steepest decade: n = {n[few]:,.0f} to {n[many]:,.0f}, {100 * gain:+.1f} points "
        f"(standard error {100 * stderr:.1f})."
    )


def _format(rates: Mapping[float, float]) -> str:
    few = [n for n in rates if all(rate < FEW_FORMAT_ERRORS for m, rate in rates.items() if m >= n)]
    if not rates:
        return ""
    return f"Format errors are below 5 % from n = {min(few):,.0f} on." if few else "Format errors stay above 5 %."


def _machine() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
