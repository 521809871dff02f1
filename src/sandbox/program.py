"""What goes into the sandbox and what comes out."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["bubblewrap", "limits_only"]
ResultClass = Literal["passed", "wrong_result", "exception", "syntax", "timeout", "refused"]


@dataclass(frozen=True)
class Limits:
    """What one program may use. `cpu_seconds` and `memory_bytes` hold for each process, the rest for all together.

    HumanEval's reference stops a program after 3 seconds of wall clock. Here they are 3 seconds of CPU time, and 3 in
    which the program only waits: on an idle machine the same, and a busy one changes no verdict. The wall clock is the
    last resort.
    """

    cpu_seconds: int = 3
    waiting_seconds: float = 3.0
    wall_seconds: float = 60.0
    memory_bytes: int = 512 * 1024**2
    file_bytes: int = 1024**2
    scratch_bytes: int = 16 * 1024**2
    processes: int = 8
    open_files: int = 32


@dataclass(frozen=True)
class Program:
    """Code of a model, and the tests that judge it.

    `tests` is Python source: an assertion that fails or an exception that escapes fails the program. Names that the
    tests use and nobody else defines are the program's. `support` is trusted source whose names the tests may use;
    `entry_point` is taken from the program even where `support` defines it too.
    """

    code: str
    tests: str
    support: str = ""
    entry_point: str | None = None


@dataclass(frozen=True)
class Result:
    """`passed`, or how it failed; `message` says more, and is empty where there is nothing to say.

    `wrong_result`: an assertion failed, or the tests could not work with what the program returned. `exception`: the
    program raised, ended, or has no function of the name asked for. `syntax`: it does not compile. `timeout`: it used
    up its time. `refused`: it went against a limit or a wall of the sandbox. The class of a failure rests on what the
    program says of itself; `passed` does not.
    """

    kind: ResultClass
    message: str = ""
