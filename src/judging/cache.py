"""Opinions kept in a file as they come, so that an interrupted judgement asks, and pays for, none twice."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from src.judging.judge import Comparison, Opinion


class Cache:
    """A JSON Lines file; each opinion is found by the judge's settings and the comparison, order included."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = dict(settings)
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._opinions: dict[str, Opinion] = {}
        if path.exists():
            text = path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a line
            if whole != text:
                path.write_text(whole, encoding="utf-8")
            for line in whole.splitlines():
                entry = json.loads(line)
                self._opinions[entry["key"]] = Opinion(entry["choice"], entry["reply"])

    def __contains__(self, comparison: Comparison) -> bool:
        return self._key(comparison) in self._opinions

    def __getitem__(self, comparison: Comparison) -> Opinion:
        return self._opinions[self._key(comparison)]

    def add(self, comparison: Comparison, opinion: Opinion) -> None:
        """From any thread; it is on disk before the call returns."""
        key = self._key(comparison)
        line = json.dumps({"key": key, **asdict(opinion)}, ensure_ascii=False)
        with self._lock:
            self._opinions[key] = opinion
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def _key(self, comparison: Comparison) -> str:
        identity = json.dumps([self.settings, asdict(comparison)], sort_keys=True, ensure_ascii=False)
        return sha256(identity.encode()).hexdigest()
