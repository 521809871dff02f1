"""What of a point is on this machine already: its base, its tokenizer, its data, its result. Nothing is downloaded."""

from functools import cache
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from src.benchmarks.benchmark import BadData, Benchmark, Example
from src.config.model import Model, TinyModel
from src.config.tracking import Tracking
from src.config.train import TrainConfig
from src.errors import FathomError
from src.hub import without_downloads
from src.models.hub import here
from src.points.base import Base
from src.points.point import identify
from src.points.pretraining import pretrain_key
from src.tracking.query import points, studies
from src.tracking.store import open_store


def base_is_here(model: Model, tracking: Tracking) -> bool:
    return model.init == "random" or _directory(model, tracking) is not None


def tokenizer_here(model: Model, tracking: Tracking) -> PreTrainedTokenizerBase | None:
    directory = None if model.init == "random" else _directory(model, tracking)
    if directory is None and not isinstance(model, TinyModel) and model.init == "pretrained":
        return None
    return Base(model, directory, "").tokenizer()


def _directory(model: Model, tracking: Tracking) -> Path | None:
    if isinstance(model, TinyModel):
        directory = tracking.root.resolve() / "bases" / pretrain_key(model)
        return directory if directory.exists() else None
    return here(model.path, model.revision)


@cache
def pool_here(benchmark: Benchmark) -> list[Example] | None:
    """None where the data would have to be downloaded."""
    with without_downloads():
        try:
            return benchmark.pool()
        except BadData:
            raise
        except FathomError:
            return None


@cache
def test_here(benchmark: Benchmark) -> list[Example] | None:
    """None where the data would have to be downloaded."""
    with without_downloads():
        try:
            return benchmark.test()[: benchmark.test_limit]
        except BadData:
            raise
        except FathomError:
            return None


def complete_keys(config: TrainConfig) -> set[str]:
    """The run keys of the complete points of the configuration's study."""
    tracking = config.tracking
    if tracking.uri is None and not (tracking.root / "mlflow.db").exists():
        return set()
    store = open_store(tracking.uri, tracking.root, tracking.flush_seconds)
    return {point.key for point in points(store, config.study)} if config.study in studies(store) else set()


def key_of(config: TrainConfig) -> str | None:
    """The run key; None where it cannot be told, since it takes the data, the base and the device that would train."""
    bases_and_data = [config.benchmark, config.train_on or config.benchmark, *config.also.values()]
    if not base_is_here(config.model, config.tracking) or not all(_data_here(one) for one in bases_and_data):
        return None
    try:
        with without_downloads():
            return identify(config).key
    except FathomError:
        return None


def _data_here(benchmark: Benchmark) -> bool:
    return pool_here(benchmark) is not None and test_here(benchmark) is not None
