"""Runs the hidden tests of one program after the other, in a sandbox of its own, and says what came of each.

Usage: driver.py LIMITS SOCKET: jobs come over the socket, each with the socket at whose other end the program's process
is, and a line goes back; the program's process has no way to it. Each job is done by a fork of this process, which runs
no test itself: to start an interpreter for each would cost several times as much.
"""

import ast
import builtins
import ctypes
import json
import os
import random
import socket
import sys
from importlib import import_module
from typing import Any, NoReturn

from src.sandbox.inside.confine import confine
from src.sandbox.inside.wire import Channel, decode, encode

_PR_SET_DUMPABLE = 4


class ProgramFailed(Exception):
    """The program raised something that is no builtin exception."""


class ProgramEnded(BaseException):
    """The program's process has gone, or says what is no reply. No test can take it for an exception it hoped for."""


class Remote:
    """An object of the program's that is not plain data: a function, a class, an instance, an iterator.

    What is done with it here is done there. It equals only itself, whatever its own class says.
    """

    def __init__(self, link: "Link", handle: int) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_handle", handle)

    def _do(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, "_link").ask(operation, [self, *args], kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._do("call", *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._do("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._do("setattr", name, value)

    def __iter__(self) -> Any:
        return self._do("iter")

    def __next__(self) -> Any:
        return self._do("next")

    def __len__(self) -> int:
        return self._do("len")

    def __getitem__(self, key: Any) -> Any:
        return self._do("getitem", key)

    def __bool__(self) -> bool:
        return True


class Link:
    """The driver's end of the conversation with the program."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._remotes: dict[int, Remote] = {}
        self.failure: BaseException | None = None  # the last thing that the program raised
        self.refused = False
        self.over: ProgramEnded | None = None

    def _converse(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._channel.send(request)
            reply = self._channel.receive()
        except (OSError, ValueError, EOFError, RecursionError) as error:
            raise self._over("the program ended early, or said what is no reply") from error
        if "raised" in reply:
            self.refused = bool(reply.get("refused"))
            raise self._failed(_exception(str(reply["raised"]), str(reply.get("message", ""))))
        return reply

    def _failed(self, error: Exception) -> Exception:
        self.failure = error
        return error

    def _over(self, message: str) -> ProgramEnded:
        self.over = self.failure = ProgramEnded(message)
        return self.over

    def start(self, code: str) -> str | None:
        """Run the program's own statements. Returns what is wrong with its syntax, or None."""
        return self._converse({"code": code}).get("syntax")

    def lookup(self, name: str) -> Any:
        return self._value(self._converse({"do": "lookup", "name": name}).get("value"))

    def ask(self, operation: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        sent = {"do": operation, "args": encode(args, self._handle), "kwargs": encode(kwargs, self._handle)}
        reply = self._converse(sent)
        for before, after in zip(args, self._value(reply.get("args", [])), strict=False):
            _take_over(before, after)
        return self._value(reply.get("value"))

    def _value(self, data: Any) -> Any:
        try:
            return decode(data, self._remote)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._over("the program's reply is no value") from error

    def _handle(self, value: Any) -> int:
        if not isinstance(value, Remote):
            raise TypeError(f"the tests give the program a {type(value).__name__}, which cannot leave their process")
        handle: int = object.__getattribute__(value, "_handle")
        return handle

    def _remote(self, handle: int) -> Remote:
        return self._remotes.setdefault(handle, Remote(self, handle))


def _exception(name: str, message: str) -> Exception:
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except TypeError:  # UnicodeDecodeError and the like take more than a message
            pass
    return ProgramFailed(f"{name}: {message}")


def _take_over(mine: Any, changed: Any) -> None:
    """What the program did to an argument in place."""
    if type(mine) is not type(changed):
        return
    if isinstance(mine, list | bytearray):
        mine[:] = changed
    elif isinstance(mine, set | dict):
        mine.clear()
        mine.update(changed)


def judge(job: dict[str, Any], link: Link) -> tuple[str, str]:
    """The class of the result, and a message."""
    namespace: dict[str, Any] = {"__name__": "tests"}
    try:
        exec(compile(job["support"], "<support>", "exec"), namespace)
        tests = ast.parse(job["tests"], "<tests>")
        compiled = compile(tests, "<tests>", "exec")
    except Exception as error:
        return "unusable_tests", f"{type(error).__name__}: {error}"
    modules, names = foreign_names(tests, namespace)
    namespace.update({name: import_module(name) for name in modules})
    try:
        wrong_syntax = link.start(job["code"])
        if wrong_syntax is not None:
            return "syntax", str(wrong_syntax)
        for name in names | ({job["entry_point"]} - {None}):
            namespace[name] = link.lookup(name)
        random.seed(0)
        exec(compiled, namespace)
    except BaseException as error:
        message = f"{type(error).__name__}: {error}"[:500]
        if link.over:
            return "ended", message
        if error is not link.failure:
            return "wrong_result", message
        return ("refused" if link.refused else "exception"), message
    return ("ended", str(link.over)) if link.over else ("passed", "")


def foreign_names(tests: ast.Module, namespace: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Names that the tests use without defining them: modules of the standard library, and the program's.

    Modules are the tests' own even where the program imports them: `sys.getsizeof` in a test must not be the program's.
    """
    used: set[str] = set()
    called: set[str] = set()
    defined = set(namespace) | set(vars(builtins))
    for node in ast.walk(tests):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            defined.add(node.name)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
    modules = {name for name in used - defined - called if name in sys.stdlib_module_names}
    return modules, used - defined - modules


def main() -> None:
    limits = json.loads(sys.argv[1])
    _keep_to_itself()
    sys.set_int_max_str_digits(0)
    with socket.socket(fileno=int(sys.argv[2])) as control:
        while True:
            size, channels, _, _ = socket.recv_fds(control, 8, 1)
            if not channels:
                return
            job = control.recv(int.from_bytes(size), socket.MSG_WAITALL)
            if os.fork() == 0:
                run_one(job, limits, Channel(channels[0]), control)
            os.close(channels[0])
            _, status = os.wait()
            if status:
                number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
                control.sendall(json.dumps({"kind": "killed", "signal": number}).encode() + b"\n")


def run_one(text: bytes, limits: dict[str, int], channel: Channel, control: socket.socket) -> NoReturn:
    """Judge one program, say what came of it, and end."""
    try:
        job = json.loads(text)
        confine(**limits)
        _keep_to_itself()  # again: to become another user takes it back
        if job["scratch"]:
            os.chdir(job["scratch"])
            os.environ.update(HOME=job["scratch"], TMPDIR=job["scratch"])
        kind, message = judge(job, Link(channel))
        verdict = {"secret": job["secret"], "kind": kind, "message": message}
        control.sendall(json.dumps(verdict).encode() + b"\n")
    except BaseException:
        os._exit(1)
    os._exit(0)


def _keep_to_itself() -> None:
    """Other processes of the same user may neither trace this one nor open its descriptors."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    main()
