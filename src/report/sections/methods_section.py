"""How a report's numbers were made: enough to make them again."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from src.report.parts import Section
from src.scaling.analysis import StudyAnalysis
from src.scaling.pooled_forecast import METHOD as FORECASTING
from src.study.curves import GENERATION
from src.tracking.provenance import provenance
from src.tracking.query import PointRecord

SHOWN_DIGITS = 10
PACKAGES = ("numpy", "scipy", "mlflow")


def methods_section(
    study: str, points_of: Mapping[str, Sequence[PointRecord]], left_out: int, analysis: StudyAnalysis
) -> Section:
    points = list({point.run_id: point for of in points_of.values() for point in of}.values())
    sizes = ", ".join(f"{n:,}" for n in sorted({point.n_examples for point in points}))
    seeds = ", ".join(str(seed) for seed in sorted({point.seed for point in points}))
    items = sorted({int(point.metrics["eval/n_items"]) for point in points if "eval/n_items" in point.metrics})
    older = (
        f"{left_out} complete points of older code, bases or data were left out, as their curves were measured again."
    )
    data = (
        f"Points: the {len(points)} complete runs of kind finetune in the MLflow experiment {study}, on "
        f"{len(points_of)} curves, each of the points that differ in n and seed alone; n = {sizes}; seeds {seeds}; "
        f"{' or '.join(f'{i:,}' for i in items) or 'an unknown number of'} test items. "
        f"{older if left_out else 'No complete point was left out.'}"
    )
    noise = (
        "Noise: a score is its size's mean plus what the training set, the test item and both together add. The "
        "variance between training sets is estimated from the seeds' values, those of each size together with all of "
        "the curve's, less the part of items and seeds together; that of the items from the points' per-item scores, "
        "which all seeds and sizes share, so that differences are taken item by item. Means, differences, tests, laws "
        "and forecasts all use it. Intervals are Student's with Satterthwaite's degrees of freedom; of ln L for "
        "losses, Wilson's for shares. With one seed the noise between training sets is not in them. The correlations' "
        "intervals are percentiles of a bootstrap over sizes."
    )
    return Section("Methods", [data, analysis.methods, FORECASTING, noise, _provenance(points)])


def _provenance(points: Sequence[PointRecord]) -> str:
    digests = {
        key.removeprefix(GENERATION): sorted({p.params[key][:SHOWN_DIGITS] for p in points if key in p.params})
        for key in sorted({name for p in points for name in p.params if name.startswith(GENERATION)})
    }
    measured = "; ".join(f"{what} {', '.join(values)}" for what, values in digests.items() if values)
    git = provenance()
    commit = git.get("fathom.git.commit", "unknown") + (
        " with changes" if git.get("fathom.git.dirty") == "true" else ""
    )
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Digests of what was measured: {measured or 'none were logged'}. Analysed on {datetime.now(UTC):%Y-%m-%d} "
        f"with Fathom at commit {commit}, Python {platform.python_version()}, {packages}."
    )
