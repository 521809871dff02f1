"""Params as MLflow keeps them: flat, strings, within its limits, never cut."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from src.errors import FathomError
from src.tracking.secrets import redact

LONGEST_VALUE = 6000
_NAME = re.compile(r"[\w\-. /:]{1,250}")


def flat_params(params: Mapping[str, Any]) -> dict[str, str]:
    """`{"recipe": {"lr": 1e-3}}` as `{"recipe.lr": "0.001"}`: text as it stands, anything else as JSON.

    Raises FathomError for a name or a value that MLflow would refuse or cut.
    """
    flat = dict(_leaves("", params))
    for name, value in flat.items():
        if not _NAME.fullmatch(name):
            raise FathomError(
                f"param {name!r} cannot be stored: a name has at most 250 letters, digits, spaces and _ - . / :"
            )
        if len(value) > LONGEST_VALUE:
            raise FathomError(
                f"param {name} is {len(value):,} characters long and MLflow keeps {LONGEST_VALUE:,}: "
                "log its digest as the param and itself as an artifact"
            )
    return flat


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not prefix):
        for name, item in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), item)
    else:
        yield prefix, redact(value if isinstance(value, str) else json.dumps(value, default=str))
