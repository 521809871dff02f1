"""The figures of an analysis for print. A study of many curves has most of its pictures in the report alone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from matplotlib.figure import Figure

from src.report.heat_figure import plot_heat
from src.scaling.analysis import StudyAnalysis
from src.scaling.plots import COLOURS, plot_error_classes, plot_law
from src.tasks.curves import measured
from src.tasks.findings import Findings
from src.tasks.report.transfer import matrices
from src.tracking.query import PointRecord

ERROR_RATES = ("eval/format_error_rate", "eval/reasoning_error_rate")
# One takes about a second to draw and save twice.
MOST_FIGURES = 16
CURVES_EACH = len(COLOURS)
Named = tuple[str, Figure]


def figures(
    study: str, points_of: Mapping[str, Sequence[PointRecord]], analysis: StudyAnalysis, findings: Findings
) -> Iterator[Named]:
    """By name, `MOST_FIGURES` at most: for each benchmark its laws and its error classes, then transfer."""
    return islice(_all(study, points_of, analysis, findings), MOST_FIGURES)


def _all(
    study: str, points_of: Mapping[str, Sequence[PointRecord]], analysis: StudyAnalysis, findings: Findings
) -> Iterator[Named]:
    benchmarks: dict[str, list[str]] = {}
    for name, points in points_of.items():
        benchmarks.setdefault(points[0].benchmark, []).append(name)
    for benchmark, names in benchmarks.items():
        for start in range(0, len(names), CURVES_EACH):
            some = names[start : start + CURVES_EACH]
            part = f"-{start // CURVES_EACH + 1}" if len(names) > CURVES_EACH else ""
            title = f"{study}: {benchmark}"
            drawn = [a for a in analysis.curves if a.curve.name in some]
            for metric in sorted({a.curve.metric for a in drawn}):
                of_metric = [a for a in drawn if a.curve.metric == metric]
                for law in {result.law.name: result.law for a in of_metric for result in a.laws}.values():
                    yield f"{benchmark}-{metric.split('/')[-1]}-{law.name}{part}", plot_law(title, of_metric, law)
            rates = (measured(metric, {name: points_of[name] for name in some}) for metric in ERROR_RATES)
            yield f"{benchmark}-errors{part}", plot_error_classes(title, *rates)
    for title, heat in matrices(findings.transfer, points_of):
        yield "transfer-" + title.replace(" ", "-"), plot_heat(f"{study}: {title}", heat)
