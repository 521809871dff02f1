"""Lightning's Logger, reduced to a callable that takes metrics and their step."""

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

Sink = Callable[[Mapping[str, float], int], None]


class MetricLogger(Logger):
    """Hands every metric to `sink(metrics, step)`; parameters are logged elsewhere."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    @property
    def name(self) -> str:
        return "fathom"

    @property
    def version(self) -> str:
        return "0"

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.sink(metrics, step or 0)

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass
