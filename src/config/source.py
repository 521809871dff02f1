"""`source`: where the curves of an analysis come from. Mirrors conf/source/."""

from typing import Literal

from src.config.paths import UserPath
from src.config.section import Section


class MLflowSource(Section):
    """The study's points as MLflow holds them."""

    kind: Literal["mlflow"]


class FilesSource(Section):
    """The points that src/publish.py wrote to a directory."""

    kind: Literal["files"]
    path: UserPath


class CsvSource(Section):
    """A CSV file in long format: columns curve, n, value and, where known, stderr, replicate and size, the number of
    weights; others are allowed."""

    kind: Literal["csv"]
    path: UserPath
