"""A study taken out of one store and brought into another, as one file."""

import logging

from rich.console import Console

from src.config.archive import ExportConfig, ImportConfig
from src.tracking.archive import export_study, import_study
from src.tracking.store import open_existing, open_store

console = Console()
log = logging.getLogger(__name__)


def export(config: ExportConfig) -> None:
    store = open_existing(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    count = export_study(store, config.study, config.to, log.info)
    console.print(f"{config.to}: {count} runs of {config.study}", soft_wrap=True)


def import_archive(config: ImportConfig) -> None:
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    study, made, there = import_study(store, config.file, log.info)
    console.print(f"{study}: {made} runs brought in, {there} were there already", soft_wrap=True)
