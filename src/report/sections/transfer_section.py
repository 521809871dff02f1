"""The report's section on transfer: what training on one benchmark gives to, or takes from, the others."""

from collections.abc import Mapping, Sequence

import numpy as np

from src.report.drawing.table import with_error
from src.report.parts import Chart, Dot, Heat, Section, Table, joined
from src.study.transfer import Transfer
from src.tracking.query import PointRecord

MOST_CHARTS = 20


def transfer_section(rows: Sequence[Transfer], points_of: Mapping[str, Sequence[PointRecord]]) -> Section:
    parts: list[str | Table | Heat | Chart] = [
        "Accuracy after finetuning less that of the base (n = 0), in percentage points, ± one standard error. Base and "
        "finetuned model answer the same items and are compared item by item."
    ]
    parts += matrices(rows, points_of)
    curves = list(dict.fromkeys(row.curve for row in rows))
    if len(curves) <= MOST_CHARTS:
        parts += [_over_n(curve, [row for row in rows if row.curve == curve]) for curve in curves]
    else:
        parts.append(f"Over n: in the table, as {len(curves)} curves are too many for charts.")
    parts.append(
        Table(
            ["curve", "trained on", "evaluated on", "n", "seeds", "base (%)", "finetuned (%)", "gain"],
            [
                [
                    r.curve,
                    r.trained_on,
                    r.evaluated_on,
                    r.n,
                    r.seeds,
                    f"{100 * r.base:.1f}",
                    f"{100 * r.accuracy:.1f}",
                    with_error(100 * r.gain, 100 * r.stderr),
                ]
                for r in rows
            ],
        )
    )
    return Section("Transfer", parts)


def matrices(rows: Sequence[Transfer], points_of: Mapping[str, Sequence[PointRecord]]) -> list[Heat]:
    """For each model, method and recipe: trained-on × evaluated-on at the largest n, in percentage points."""
    groups: dict[str, list[Transfer]] = {}
    for row in rows:
        point = points_of[row.curve][0]
        groups.setdefault(f"{point.model} {point.method} {point.recipe}", []).append(row)
    found = []
    for number, (name, group) in enumerate(groups.items(), start=1):
        largest = max(row.n for row in group)
        at_largest = [row for row in group if row.n == largest]
        curves = {row.curve: row.trained_on for row in at_largest}
        # Where several curves trained on the same, only their names tell them apart.
        told = len(set(curves.values())) == len(curves)
        columns = sorted({row.evaluated_on for row in at_largest})
        values, errors = np.full((2, len(curves), len(columns)), np.nan)
        for row in at_largest:
            place = list(curves).index(row.curve), columns.index(row.evaluated_on)
            values[place], errors[place] = 100 * row.gain, 100 * row.stderr
        labels = list(curves.values()) if told else list(curves)
        figure = "transfer" if len(groups) == 1 else f"transfer-{number}"
        corner = "trained on \\ evaluated on"
        found.append(Heat(f"{name}, n = {largest:,}", figure, corner, labels, columns, values, errors))
    return found


def _over_n(curve: str, rows: Sequence[Transfer]) -> Chart:
    series = joined(rows, lambda r: r.evaluated_on, lambda r: Dot(r.n, r.gain, r.stderr, f"base {100 * r.base:.1f} %"))
    title = f"trained on {rows[0].trained_on}: gain against the base ({curve})"
    return Chart(title, "gain in accuracy", series, percent=True, levels=[0], figure="transfer-over-n")
