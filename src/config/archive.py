"""The configurations of src/export.py and src/import_study.py. Mirrors conf/export.yaml and conf/import_study.yaml."""

from typing import Literal

from pydantic import Field

from src.config.paths import OutFile, UserPath
from src.config.section import Section
from src.config.tracking import Tracking


class ExportConfig(Section):
    """`src/export.py`: a study as one file."""

    study: str = Field(min_length=1)
    to: OutFile
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]


class ImportConfig(Section):
    """`src/import_study.py`: that file into a store."""

    file: UserPath = Field(alias="from")
    tracking: Tracking
    log_level: Literal["debug", "info", "warning"]
