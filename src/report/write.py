"""The files of an analysis: the report, and beside it figures, tables for LaTeX and the laws as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

from src.report.caveats import caveats
from src.report.drawing.page import page
from src.report.drawing.table import as_latex
from src.report.figures import write_figures
from src.report.parts import Section, Table
from src.report.sections.answer_section import answer_section
from src.report.sections.comparison_section import comparison_section
from src.report.sections.error_section import error_section
from src.report.sections.exponent_section import exponent_section
from src.report.sections.forecast_section import curve_section, forecast_section
from src.report.sections.law_section import law_section
from src.report.sections.mean_section import mean_section
from src.report.sections.methods_section import methods_section
from src.report.sections.rival_section import check_section
from src.report.sections.size_section import size_section
from src.report.sections.training_section import training_section
from src.report.sections.transfer_section import transfer_section
from src.scaling.analysis import StudyAnalysis
from src.scaling.curve import Curve
from src.study.findings import Findings
from src.tracking.query import PointRecord


def write_report(
    directory: Path,
    study: str,
    points_of: Mapping[str, Sequence[PointRecord]],
    left_out: int,
    analysis: StudyAnalysis,
    findings: Findings,
) -> None:
    """Write `report.html` into the directory, and everything else into `laws/`, which is emptied before."""
    made = findings.forecasts
    sections = [curve_section(made, findings.training), forecast_section(made), answer_section(made)] if made else []
    sections.append(law_section(analysis, points_of))
    if made:
        sections.append(check_section(analysis, made, findings.through_the_loss))
    if findings.exponents:
        sections.append(exponent_section(findings))
    if findings.best_sizes:
        sections.append(size_section(findings))
    sections.append(error_section(findings, points_of))
    if findings.transfer:
        sections.append(transfer_section(findings.transfer, points_of))
    if findings.differences:
        sections.append(comparison_section(findings))
    if findings.means:
        sections.append(mean_section(findings))
    if findings.training:
        sections.append(training_section(findings.training))
    sections.append(methods_section(study, points_of, left_out, analysis))
    count = sum(len(points) for points in points_of.values())
    lead = f"{count} points on {len(points_of)} curve{'s' if len(points_of) > 1 else ''}" + (
        f"; {left_out} older ones left out" if left_out else ""
    )
    laws = directory / "laws"
    rmtree(laws, ignore_errors=True)
    laws.mkdir(parents=True)
    (directory / "report.html").write_text(page(f"Study {study}", lead, sections, caveats(points_of)), encoding="utf-8")
    for section in sections:
        _write_tables(laws, section)
    # The laws' many panels come last, where the figures are too many.
    write_figures(laws, study, sorted(sections, key=lambda section: section.title in ("Laws", "Rival laws")))
    rows = [vars(row) for row in analysis.rows()]
    curves = [_as_fitted(of.curve) for of in analysis.curves]
    text = json.dumps({"methods": analysis.methods, "rows": rows, "curves": curves}, indent=2)
    (laws / "laws.json").write_text(text, encoding="utf-8")


def _as_fitted(curve: Curve) -> dict[str, Any]:
    """What the laws are fitted to; a standard error is null where nothing tells the noise."""
    errors = [None] * len(curve.sizes) if curve.standard_errors is None else curve.standard_errors.tolist()
    points = zip(curve.sizes, curve.seeds, curve.means, errors, strict=True)
    return {
        "curve": curve.name,
        "metric": curve.metric,
        "noise": curve.noise.note or "of training sets and test items",
        "points": [{"n": int(n), "seeds": int(s), "mean": float(m), "stderr": e} for n, s, m, e in points],
    }


def _write_tables(directory: Path, section: Section) -> None:
    tables = [part for part in section.parts if isinstance(part, Table)]
    for number, table in enumerate(tables, start=1):
        name = section.title.lower().replace(" ", "-")
        (directory / f"{name}-{number}.tex").write_text(as_latex(table), encoding="utf-8")
