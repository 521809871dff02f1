"""The laws of a study: its points pulled from MLflow, fitted, drawn, and kept as a run of kind `analysis`."""

import json
import logging

from rich.console import Console

from src.config.analyze import AnalyzeConfig
from src.points.code_identity import code_of
from src.report.caveats import caveats
from src.report.results_page import results_page
from src.report.short_answer import short_answer
from src.report.write import write_report
from src.scaling.analysis import StudyAnalysis, analyse
from src.scaling.fit import unidentified
from src.scaling.laws import laws_named
from src.study.curves import curves_of, measured, metric_name
from src.study.findings import find
from src.study.model_sizes import over_models
from src.study.point_files import study_points
from src.tracking.identity import run_key
from src.tracking.runs import claim
from src.tracking.store import open_store

console = Console()
log = logging.getLogger(__name__)


def fit_laws(config: AnalyzeConfig) -> None:
    """Fit, print, draw and log the laws of a study. The same points and settings are logged only once."""
    laws = laws_named(config.laws)
    records = study_points(config.source, config.study, config.tracking)
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    points_of, left_out = curves_of(records)
    if left_out:
        console.print(f"{left_out} points of older code, bases or data are left out: their curves were measured again")
    curves = [curve for metric in config.metrics for curve in measured(metric, points_of)]
    sized = over_models(curves, points_of)
    analysis = analyse(curves, config.replicates, config.confidence, config.seed, laws, sized)
    findings = find(points_of, analysis, config.replicates, config.seed, **config.compute.model_dump())

    write_report(config.out, config.study, points_of, left_out, analysis, findings)
    (config.out / "results.md").write_text(results_page(config.study, points_of, analysis.rows()), encoding="utf-8")
    console.print(short_answer(config.study, analysis, findings.forecasts))
    for best in findings.best_sizes:
        console.print(str(best), markup=False)
    for caveat in caveats(points_of):
        console.print(caveat)
    console.print(f"report: {config.out}/report.html", soft_wrap=True)

    settings = config.model_dump(
        mode="json", include={"metrics", "laws", "compute", "replicates", "confidence", "seed"}
    )
    code = code_of("src.tasks.analyze", "src.tracking.query")
    key = run_key("analysis", points=sorted(r.key for r in records), settings=settings, code=code)
    name = f"analysis · {config.study} · {len(records) - left_out} points"
    with claim(store, key=key, kind="analysis", name=name, study=config.study, params=settings) as run:
        if run.already_complete:
            return
        run.log_artifacts(config.out)
        rows = [{**vars(row), "parameters": json.dumps(row.parameters)} for row in analysis.rows()]
        for table, of in {"laws": rows, **findings.tables()}.items():
            run.log_table(table, of)
        metrics = _parameters(analysis) | findings.metrics()
        run.complete({metric_name(name): value for name, value in metrics.items()})
    log.info("logged as run %s", run.id)


def _parameters(analysis: StudyAnalysis) -> dict[str, float]:
    """The fitted parameters as metrics, to compare analyses in MLflow."""
    of_curves = [
        (a.curve.name, a.curve.metric, made.bootstrap.fit, made.unidentified)
        for a in analysis.curves
        for made in a.laws
        if made.bootstrap is not None
    ]
    of_models = [
        (
            of.on.name,
            of.on.curves[0].metric,
            of.made.fit,
            unidentified(of.made.fit, of.made.intervals(analysis.confidence)),
        )
        for of in analysis.joint
        if of.made is not None
    ]
    return {
        f"law/{fit.law.name}/{metric.split('/')[-1]}/{name}/{curve}": value
        for curve, metric, fit, unidentified in [*of_curves, *of_models]
        for name, value in fit.named.items()
        if name not in unidentified
    }
