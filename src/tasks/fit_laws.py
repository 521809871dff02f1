"""The laws of a study: its points pulled from MLflow, fitted, drawn, and kept as a run of kind `analysis`."""

import json
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from src.config import AnalyzeConfig
from src.errors import FathomError
from src.scaling.analysis import StudyAnalysis, analyse
from src.scaling.plots import plot_error_classes, plot_law
from src.tasks.curves import curves_of, measured
from src.tasks.science import code_of
from src.tracking.identity import run_key
from src.tracking.query import PointRecord, points
from src.tracking.runs import claim
from src.tracking.store import open_store

ERROR_CLASSES = ("eval/format_error_rate", "eval/reasoning_error_rate")

console = Console()


def fit_laws(config: AnalyzeConfig) -> None:
    """Fit, print, draw and log the laws of a study. The same points and settings are logged only once."""
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    records = points(store, config.study)
    if not records:
        raise FathomError(f"study {config.study} has no complete point yet; run src/train.py with study={config.study}")
    points_of, left_out = curves_of(records)
    if left_out:
        console.print(f"{left_out} points of older code, bases or data are left out: their curves were measured again")
    curves = [curve for metric in config.metrics for curve in measured(metric, points_of)]
    analysis = analyse(curves, config.replicates, config.confidence, config.seed)
    figures = dict(_figures(config.study, analysis, points_of))

    table = _table(config.study, analysis)
    console.print(table)
    console.print(analysis.methods, style="dim")
    directory = config.out
    directory.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png")
        figure.savefig(directory / f"{name}.svg")
    rows = [vars(row) for row in analysis.rows()]
    (directory / "laws.json").write_text(json.dumps({"methods": analysis.methods, "rows": rows}, indent=2))
    console.print(f"figures and table: {directory}")

    settings = config.model_dump(mode="json", include={"metrics", "replicates", "confidence", "seed"})
    key = run_key(
        "analysis", points=sorted(r.key for r in records), settings=settings, code=code_of("src.tasks.fit_laws")
    )
    name = f"analysis · {config.study} · {len(records) - left_out} points"
    with claim(store, key=key, kind="analysis", name=name, study=config.study, params=settings) as run:
        if run.already_complete:
            return
        run.log_artifacts(directory, "laws")
        run.log_table("laws", [{**row, "parameters": json.dumps(row["parameters"])} for row in rows])
        run.complete(_metrics(analysis))
    console.print(f"logged as run {run.id}")


def _figures(
    study: str, analysis: StudyAnalysis, points_of: Mapping[str, Sequence[PointRecord]]
) -> Iterator[tuple[str, Figure]]:
    """By name: a log-log figure for each benchmark, metric and law, and each benchmark's error classes against n."""
    benchmark_of = {name: records[0].benchmark for name, records in points_of.items()}
    for benchmark in sorted(set(benchmark_of.values())):
        title = f"{study}: {benchmark}"
        names = [name for name in points_of if benchmark_of[name] == benchmark]
        drawn = [a for a in analysis.curves if a.curve.name in names]
        for metric in sorted({a.curve.metric for a in drawn}):
            of_metric = [a for a in drawn if a.curve.metric == metric]
            for law in {result.law.name: result.law for a in of_metric for result in a.laws}.values():
                yield f"{benchmark}-{metric.split('/')[-1]}-{law.name}", plot_law(title, of_metric, law)
        rates = (measured(metric, {name: points_of[name] for name in names}) for metric in ERROR_CLASSES)
        yield f"{benchmark}-errors", plot_error_classes(title, *rates)


def _table(study: str, analysis: StudyAnalysis) -> Table:
    table = Table(title=f"laws of {study}", show_lines=True)
    for heading in ("curve", "metric", "law", "parameters", "R²", "largest n held out", "note"):
        table.add_column(heading, overflow="fold")
    for row in analysis.rows():
        parameters = "\n".join(f"{name} = {value}" for name, value in row.parameters.items())
        table.add_row(row.curve, row.metric, row.law, parameters, row.r_squared, row.hold_out, row.note)
    return table


def _metrics(analysis: StudyAnalysis) -> dict[str, float]:
    """The fitted parameters as metrics, to compare analyses in MLflow."""
    return {
        f"law/{result.law.name}/{a.curve.metric.split('/')[-1]}/{name}/{a.curve.name}": value
        for a in analysis.curves
        for result in a.laws
        if result.fit is not None
        for name, value in result.fit.named.items()
    }
