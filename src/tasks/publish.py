"""A study's points as files, small enough to be kept in a repository: what src/analyze.py source=files reads."""

from rich.console import Console

from src.config.publish import PublishConfig
from src.study.point_files import write_points
from src.tracking.query import points
from src.tracking.store import open_existing


def publish(config: PublishConfig) -> None:
    """Add the study's complete points, with their values by test item, to those in the directory."""
    store = open_existing(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    records = points(store, config.study, with_items=True)
    there_are = write_points(records, config.to)
    Console().print(f"{config.to}: {len(records)} points of {config.study} written, {there_are} in all", soft_wrap=True)
