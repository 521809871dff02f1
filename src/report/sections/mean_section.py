"""The report's section that holds every mean: one row for each curve and n, one column for each metric."""

from src.report.drawing.table import Cell, Table, with_interval
from src.report.parts import Section
from src.study.comparison import MeasuredMean
from src.study.findings import Findings


def mean_section(findings: Findings) -> Section:
    metrics = list(dict.fromkeys(mean.metric for mean in findings.means))
    places: dict[tuple[str, int, int], dict[str, MeasuredMean]] = {}
    for mean in findings.means:
        places.setdefault((mean.curve, mean.n, mean.seeds), {})[mean.metric] = mean
    rows: list[list[Cell]] = [
        [*place, *(_shown(of[metric]) if metric in of else None for metric in metrics)] for place, of in places.items()
    ]
    return Section(
        "Means",
        [
            f"Means over seeds with {findings.confidence:.0%} intervals from the noise of seeds and test items.",
            Table(["curve", "n", "seeds", *(metric.removeprefix("eval/") for metric in metrics)], rows),
        ],
    )


def _shown(mean: MeasuredMean) -> str:
    value, low, high = (float(f"{x:.3g}") for x in (mean.mean, mean.low, mean.high))
    return with_interval(value, low, high)
