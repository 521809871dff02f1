"""The curves of a sweep, drawn on its run as their points complete and printed at its end."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from statistics import fmean

from rich.console import Console
from rich.table import Table

from src.errors import OutOfReach
from src.points.point import Point
from src.study.curves import metric_name
from src.sweeps.attempts import Outcome, Result, Watcher
from src.sweeps.names import Curve, chart_labels
from src.tracking.query import PointRecord, points_with
from src.tracking.sweeps import Sweep

CURVE_METRICS = ("eval/accuracy", "eval/nll", "eval/format_error_rate", "eval/reasoning_error_rate")

Means = dict[Curve, dict[str, list[tuple[int, float]]]]  # by curve and metric: (n, mean over the seeds)


class Curves(Watcher):
    """Draws the mean over the seeds at an n once none of them is left to run: MLflow takes no value back."""

    def __init__(
        self, points: Sequence[Point], parent: Sweep, left: Collection[str], complete: Iterable[PointRecord]
    ) -> None:
        """`left` are the keys of those of `points` that are still to be run; `complete` is what the study has by now.

        A study of thousands is read once. Of what ends later each point is read by itself.
        """
        self._study = points[0].config.study
        self._parent = parent
        self._labels = chart_labels({point.curve for point in points})
        self._keys: dict[tuple[Curve, int], set[str]] = defaultdict(set)  # by curve and n, of its seeds
        for point in points:
            self._keys[point.curve, point.config.n_examples].add(point.key)
        self._left = set(left)
        self._records = {record.key: record for record in complete}
        self._to_read: set[str] = set()
        self._drawn = self._settled()

    def ended(self, result: Result) -> None:
        self._left.discard(result.point.key)
        if result.outcome.good or result.outcome is Outcome.UNSYNCED:
            self._to_read.add(result.point.key)
        if self._settled() != self._drawn:
            with suppress(OutOfReach):  # then with the next one, or at the end
                self.draw(self._parent.at_once)
                self._drawn = self._settled()

    def draw(self, parent: Sweep) -> Means:
        """Bring what is settled into the parent run."""
        means = self._means(parent)
        for curve, metrics in means.items():
            for metric, values in metrics.items():
                # MLflow makes what stands before the slash a section of charts.
                parent.log_curve(metric_name(f"{metric}/{self._labels[curve]}"), values)
        return means

    def _settled(self) -> set[tuple[Curve, int]]:
        return {place for place, keys in self._keys.items() if not keys & self._left}

    def _means(self, parent: Sweep) -> Means:
        read = {record.key: record for record in points_with(parent.store, self._study, sorted(self._to_read))}
        self._records |= read
        self._to_read -= read.keys()
        means: Means = {}
        for curve, n in sorted(self._settled()):
            of_n = [self._records[key] for key in sorted(self._keys[curve, n] & self._records.keys())]
            for metric in CURVE_METRICS:
                if of_n and all(metric in record.metrics for record in of_n):
                    mean = fmean(record.metrics[metric] for record in of_n)
                    means.setdefault(curve, {}).setdefault(metric.removeprefix("eval/"), []).append((n, mean))
        return means


def show_curves(console: Console, means: Means) -> None:
    for curve, metrics in means.items():
        table = Table(title=" · ".join(curve))
        for heading in ("n", *metrics):
            table.add_column(heading, justify="right")
        by_n = {metric: dict(values) for metric, values in metrics.items()}
        for n in sorted({n for values in by_n.values() for n in values}):
            table.add_row(str(n), *(f"{values[n]:.3f}" if n in values else "" for values in by_n.values()))
        console.print(table)
