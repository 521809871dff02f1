"""Runs one program of a model and does with it what the driver asks: look up a name, call it, read an attribute.

Usage: candidate.py LIMITS SOCKET: the driver is at the other end of the socket. All that the program can spoil is in
this process, and all that it can say are values.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from contextlib import suppress

from src.sandbox.inside.confine import confine
from src.sandbox.inside.wire import Channel, decode, encode

TYPE_CHECKING = False  # importing `typing` would be a sixth of what this process costs before it runs the program
if TYPE_CHECKING:
    from typing import Any

_WALLS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EFBIG,
    errno.ENOSPC, errno.EMFILE, errno.EAGAIN, errno.ENOMEM,
}  # fmt: skip
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda target, *args, **kwargs: target(*args, **kwargs),
    "getattr": getattr,
    "setattr": setattr,
    "iter": iter,
    "next": next,
    "len": len,
    "getitem": lambda target, key: target[key],
}


class Objects:
    """The objects that the driver holds handles of; one handle for each object."""

    def __init__(self) -> None:
        self._kept: list[Any] = []
        self._places: dict[int, int] = {}

    def handle(self, value: Any) -> int:
        if id(value) not in self._places:
            self._places[id(value)] = len(self._kept)
            self._kept.append(value)
        return self._places[id(value)]

    def __getitem__(self, place: int) -> Any:
        return self._kept[place]


def main() -> None:
    confine(**json.loads(sys.argv[1]))
    sys.set_int_max_str_digits(0)
    channel = Channel(int(sys.argv[2]))
    code = channel.receive()["code"]
    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    try:
        compiled = compile(code, "<candidate>", "exec")
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return channel.send({"syntax": f"{type(error).__name__}: {error}"[:500]})
    if "random" in code:
        # Otherwise the same program would be judged differently from run to run.
        import random

        random.seed(0)
    try:
        exec(compiled, module.__dict__)
    except BaseException as error:
        return channel.send(raised(error))
    channel.send({"value": None})
    objects = Objects()
    while True:
        channel.send(reply(channel.receive(), module, objects))


def reply(request: dict[str, Any], module: Any, objects: Objects) -> dict[str, Any]:
    """What came of a request, and its arguments as the program left them."""
    try:
        if request["do"] == "lookup":
            if request["name"] not in module.__dict__:
                raise NameError(f"name {request['name']!r} is not defined")
            return {"value": encode(module.__dict__[request["name"]], objects.handle)}
        args = decode(request["args"], objects.__getitem__)
        kwargs = decode(request["kwargs"], objects.__getitem__)
        value = _OPERATIONS[request["do"]](*args, **kwargs)
        return {"value": encode(value, objects.handle), "args": encode(args, objects.handle)}
    except BaseException as error:
        return raised(error)


def raised(error: BaseException) -> dict[str, Any]:
    refused = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _WALLS)
    # "can't start new thread" is all that a thread beyond the limit says.
    refused |= isinstance(error, RuntimeError) and "start new thread" in str(error)
    try:
        message = str(error)[:500]
    except BaseException:
        message = ""
    return {"raised": type(error).__name__, "message": message, "refused": refused}


if __name__ == "__main__":
    with suppress(EOFError):  # the driver has all it needs
        main()
