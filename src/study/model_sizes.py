"""How large a study's models are, and its curves that differ in the model alone."""

import re
from collections.abc import Mapping, Sequence

from src.scaling.curve import Curve
from src.scaling.joint import SizedCurves
from src.tracking.query import PointRecord

WEIGHTS = "model/parameters"
ALL = "all models"
BILLIONS = re.compile(r"(\d+(?:\.\d+)?)b\b")


def model_size(point: PointRecord) -> float | None:
    """Number of weights: as logged, or as the model's name says (`llama2_7b`)."""
    if WEIGHTS in point.metrics:
        return point.metrics[WEIGHTS]
    found = BILLIONS.search(point.model)
    return float(found[1]) * 1e9 if found else None


def over_models(curves: Sequence[Curve], points_of: Mapping[str, Sequence[PointRecord]]) -> list[SizedCurves]:
    """The curves of each metric that share all that names them but the model, with the models' sizes."""
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        rest = curve.name.removeprefix(f"{points_of[curve.name][0].model} ")
        groups.setdefault((rest, curve.metric), []).append(curve)
    return [
        SizedCurves(f"{ALL} {rest}", tuple(of), tuple(model_size(points_of[curve.name][0]) for curve in of))
        for (rest, _), of in groups.items()
    ]
