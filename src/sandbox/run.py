"""Programs that a model wrote, judged by hidden tests.

Threat model. The program is hostile: it may want to read or write files, reach the network, outlive its run, starve the
machine, and above all pass. It runs in one process, in a sandbox that is made for it; its tests run in another, a fork
of the driver, in a second sandbox with its own process namespace, which serves many programs' tests. They share a
socket, over which plain data goes (`inside/wire.py`): the driver asks for a call, the program's process answers with a
value. Tests, expected values and the way to say "passed" are never in the program's process: patching builtins or the
checker, walking frames, printing, writing to any descriptor, ending early or equalling everything changes only what it
answers, and an answer has to be the right value. What kills the run leaves no verdict, which is a failure.

`bubblewrap`: namespaces for processes, users, network, IPC and host name; of the file system only the interpreter, its
libraries and an empty /tmp in memory; kernel limits on CPU time, address space, file size, processes and open files; a
count of processes, of memory and of time spent waiting over all of them; a wall clock. Not covered: bugs in the kernel
or in bubblewrap; what can be read in the interpreter's and the libraries' own directories; CPU caches and timing; many
programs at once that together use up the machine, each within its limits. Started by root, the kernel's limit on
processes does not hold in a namespace, and only the count (every 0.02 s) stops a fork bomb.

`limits_only`: the kernel limits, an empty environment, a scratch directory, and a keeper that kills what is left. The
program can read whatever the user can, write and send it anywhere, and kill or trace other processes of the user, with
them the keeper and Fathom itself. Started by root, it runs as a user that nobody is, who can still read everything. The
limit on processes counts all of the user's, so that a program can mostly start none. It stops accidents, not attacks.

In both: the tests' calls are the driver's, so a test that hands the program a function or an object of a class of its
own cannot be run; what the program does to an argument in place is copied back, but two arguments that are one object
arrive as two; instances of subclasses arrive as their base.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from src.errors import FathomError
from src.sandbox.bubblewrap import BOX, INSIDE, bubblewrap, environment, python, require_bubblewrap
from src.sandbox.program import Limits, Mode, Program, Result
from src.sandbox.watch import all_wait, descendants, resident_bytes

WATCH_SECONDS = 0.02
MAX_VERDICT = 64 * 1024
_ROOT = Path(__file__).parents[2]
# bwrap and its init, or the keeper, stand above the program.
_OWN_PROCESSES = 2


def run_tests(
    programs: Sequence[Program], mode: Mode = "bubblewrap", limits: Limits = Limits(), workers: int | None = None
) -> list[Result]:
    """A result for each program, in order; `workers` of them run at a time (None: one for each CPU core we may use).

    Raises FathomError where the sandbox cannot be used here, and where the tests themselves are no Python.
    """
    require_sandbox(mode)
    with _Drivers(mode, limits) as drivers, ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(lambda program: _run(program, drivers), programs))


@cache
def require_sandbox(mode: Mode) -> None:
    """Raises FathomError where a program that is right would not pass: a number measured so would mean nothing."""
    if mode == "bubblewrap":
        require_bubblewrap()
    with _Drivers(mode, Limits()) as drivers:
        result = _run(Program("def one():\n    return 1", "assert one() == 1"), drivers)
    if result.kind != "passed":
        raise FathomError(f"sandbox={mode} does not work on this machine: a right program gave {result}.")


class _Driver:
    """The tests' process, which forks for each program: it never runs code of a model's."""

    def __init__(self, mode: Mode, limits: Limits) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="fathom-", ignore_cleanup_errors=True)
        self.control, its_end = socket.socketpair()
        with its_end:
            self.process = _start("driver.py", mode, limits, self.scratch.name, its_end)

    def begin(self, program: Program, secret: str, scratch: str | None, channel: socket.socket) -> None:
        job = json.dumps({**asdict(program), "secret": secret, "scratch": scratch}).encode()
        socket.send_fds(self.control, [len(job).to_bytes(8)], [channel.fileno()])
        self.control.sendall(job)

    def end(self) -> None:
        self.control.close()
        _end(self.process)
        self.scratch.cleanup()


class _Drivers:
    """Those that are free: one that has said what came of a program takes the next one."""

    def __init__(self, mode: Mode, limits: Limits) -> None:
        self.mode, self.limits = mode, limits
        self._free: list[_Driver] = []

    def take(self) -> _Driver:
        try:
            return self._free.pop()
        except IndexError:
            return _Driver(self.mode, self.limits)

    def give_back(self, driver: _Driver) -> None:
        self._free.append(driver)

    def __enter__(self) -> "_Drivers":
        return self

    def __exit__(self, *_: object) -> None:
        for driver in self._free:
            driver.end()


def _run(program: Program, drivers: _Drivers) -> Result:
    mode, limits = drivers.mode, drivers.limits
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="fathom-", ignore_cleanup_errors=True) as scratch:
        if mode == "limits_only":
            Path(scratch).chmod(0o777)  # a program started by root runs as another user
        program_end, driver_end = socket.socketpair()
        with program_end, driver_end:
            candidate = _start("candidate.py", mode, limits, scratch, program_end)
            driver = None
            try:
                driver = drivers.take()
                driver.begin(program, secret, scratch if mode == "limits_only" else None, driver_end)
            except BaseException:
                _end(candidate)
                if driver:
                    driver.end()
                raise
        said = b""
        try:
            said, result = _supervise(candidate, driver, limits)
            return result or _result(said, candidate, secret)
        finally:
            _end(candidate)
            # Without a verdict it may still be at this program.
            if said.endswith(b"\n"):
                drivers.give_back(driver)
            else:
                driver.end()


def _start(script: str, mode: Mode, limits: Limits, scratch: str, channel: socket.socket) -> subprocess.Popen[bytes]:
    budget = asdict(limits)
    del budget["waiting_seconds"], budget["wall_seconds"], budget["scratch_bytes"]
    interpreter = [python(), "-s", "-S", "-P", "-B"]
    if mode == "bubblewrap":
        command = [*bubblewrap(limits), *interpreter, f"{BOX}/src/sandbox/inside/{script}"]
    else:
        command = [*interpreter, str(INSIDE / script)]
        if script == "candidate.py":
            command = [*interpreter, str(INSIDE / "keeper.py"), *command]
    return subprocess.Popen(
        [*command, json.dumps(budget), str(channel.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[channel.fileno()],
        cwd=scratch,
        env=environment(str(_ROOT), scratch),
        start_new_session=True,
    )


def _supervise(candidate: subprocess.Popen[bytes], driver: _Driver, limits: Limits) -> tuple[bytes, Result | None]:
    """What the driver said, a line, once it has; or what came of it where its verdict is not waited for."""
    looked = time.monotonic()
    deadline = looked + limits.wall_seconds
    waited = 0.0
    said = b""
    with DefaultSelector() as selector:
        selector.register(driver.control, EVENT_READ)
        while len(said) < MAX_VERDICT and not said.endswith(b"\n"):
            if selector.select(WATCH_SECONDS):
                chunk = driver.control.recv(MAX_VERDICT)
                if not chunk:
                    break
                said += chunk
                continue
            running = descendants(candidate.pid, at_most=limits.processes + _OWN_PROCESSES + 1)
            since, looked = looked, time.monotonic()
            if all_wait([*running, candidate.pid]) and all_wait(descendants(driver.process.pid)):
                waited += looked - since
            if waited > limits.waiting_seconds:
                return b"", Result("timeout", f"waited for more than {limits.waiting_seconds:g} s")
            if looked > deadline:
                return b"", Result("timeout", f"not done after {limits.wall_seconds:g} s")
            if len(running) > limits.processes + _OWN_PROCESSES:
                return b"", Result("refused", f"more than {limits.processes} processes")
            if resident_bytes(running) > limits.memory_bytes:
                return b"", Result("refused", f"more than {limits.memory_bytes} bytes of memory")
    return said, None


def _result(said: bytes, candidate: subprocess.Popen[bytes], secret: str) -> Result:
    verdict: dict[str, Any] = json.loads(said) if said.endswith(b"\n") else {"kind": "killed", "signal": None}
    if verdict["kind"] == "killed":
        if verdict["signal"] == signal.SIGXCPU:
            return Result("timeout", "the tests used up their CPU time on what the program returned")
        return Result("refused", "the tests came to no end with what the program returned")
    if verdict["secret"] != secret:
        return Result("refused", "a verdict that is not the driver's")
    kind, message = verdict["kind"], verdict["message"]
    if kind == "unusable_tests":
        raise FathomError(f"the tests of a coding item cannot be run ({message}); mend them in its data file.")
    if kind != "ended":
        return Result(kind, message)
    if _killed_by(candidate, signal.SIGXCPU):
        return Result("timeout", "the CPU time is used up")
    if _killed_by(candidate, signal.SIGKILL):
        return Result("refused", "killed by the kernel")
    return Result("exception", message)


def _killed_by(process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
    try:
        # A shell, bubblewrap and the keeper report a death by signal as 128 and more.
        return process.wait(timeout=1.0) in (-number, 128 + number)
    except subprocess.TimeoutExpired:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all below it: on SIGTERM the keeper clears up, and bubblewrap's namespace dies with bubblewrap."""
    process.terminate()
    try:
        process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
