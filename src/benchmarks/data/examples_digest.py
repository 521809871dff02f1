"""The identity of a benchmark's data."""

import hashlib
import json
from collections.abc import Iterable

from src.benchmarks.benchmark import Example


def examples_digest(examples: Iterable[Example]) -> str:
    """SHA-256 (hex) over every field of every example; the order counts."""
    digest = hashlib.sha256()
    for example in examples:
        # JSON, so that no text can pass for the border between two fields or two examples.
        digest.update(json.dumps([example.prompt, example.answer, example.gold, example.hidden]).encode())
    return digest.hexdigest()
