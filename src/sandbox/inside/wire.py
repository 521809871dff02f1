"""Plain data between the two sandboxed processes, as one line of JSON a message.

No pickle: nothing that arrives can run code or bring a class of its own along. An object that is not plain data travels
as a handle, a number that means something to the program's process only.
"""

from __future__ import annotations

import builtins
import json
import os
from collections import deque
from collections.abc import Callable

TYPE_CHECKING = False  # as in candidate.py
if TYPE_CHECKING:
    from typing import Any

MAX_MESSAGE = 16 * 1024**2
_BUILTIN_TYPES: dict[str, type] = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type)}


class Channel:
    """Messages over a connected socket."""

    def __init__(self, descriptor: int) -> None:
        self._incoming = os.fdopen(descriptor, "rb")
        self._outgoing = os.fdopen(os.dup(descriptor), "wb")

    def send(self, message: dict[str, Any]) -> None:
        self._outgoing.write(json.dumps(message).encode() + b"\n")
        self._outgoing.flush()

    def receive(self) -> dict[str, Any]:
        """Raises EOFError where the other side has gone, ValueError where what it says is no message."""
        line = self._incoming.readline(MAX_MESSAGE)
        if not line.endswith(b"\n"):
            raise ValueError("a message is too long") if len(line) == MAX_MESSAGE else EOFError
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("a message is no object")
        return message


def encode(value: Any, handle: Callable[[Any], int]) -> Any:
    """JSON for `value`. Instances of a subclass go as what they are made of: a Counter as a dict, a named tuple as a
    tuple, an integer that claims to equal everything as its integer."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value) if kind is not str else str.__str__(value)
    if isinstance(value, list):
        return [encode(item, handle) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encode(k, handle), encode(v, handle)] for k, v in value.items()]}
    for name, sequence in (("tuple", tuple), ("set", set), ("frozenset", frozenset), ("deque", deque)):
        if isinstance(value, sequence):
            return {name: [encode(item, handle) for item in value]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, bytes | bytearray):
        return {"bytes" if isinstance(value, bytes) else "bytearray": value.hex()}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, type) and _BUILTIN_TYPES.get(value.__name__) is value:
        return {"type": value.__name__}
    return {"handle": handle(value)}


_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
    "complex": lambda parts: complex(*parts),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "range": lambda ends: range(*ends),
}


def decode(data: Any, from_handle: Callable[[int], Any]) -> Any:
    """The value that `data` encodes, made of exact builtin types. Raises LookupError, TypeError or ValueError
    where it is none."""
    if isinstance(data, list):
        return [decode(item, from_handle) for item in data]
    if not isinstance(data, dict):
        return data
    ((name, content),) = data.items()
    if name == "handle":
        return from_handle(int(content))
    if name == "dict":
        return {decode(k, from_handle): decode(v, from_handle) for k, v in content}
    if name == "type":
        return _BUILTIN_TYPES[content]
    if name not in _BUILDERS:
        raise ValueError(f"no value is called {name!r}")
    return _BUILDERS[name](decode(content, from_handle))
