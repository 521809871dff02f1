"""A process in a namespace of its own, made by bubblewrap."""

import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from src.errors import FathomError
from src.sandbox.program import Limits

INSIDE = Path(__file__).parent / "inside"
BOX = "/box"
# bubblewrap binds what is there; the dynamic linker and the C library are somewhere in these.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")


def python() -> str:
    """The interpreter itself: that of a virtual environment would bring its packages along."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def bubblewrap(limits: Limits) -> list[str]:
    """The command up to the program that it runs.

    There is no network, no /proc, no home; the interpreter and its libraries can be read, /tmp can be written (it is
    memory, of limited size), and everything in it ends with the first process.
    """
    variables = sysconfig.get_config_vars()
    shared = Path(variables.get("LIBDIR") or "/usr/lib").glob("libpython*.so*")
    seen = [*_LIBRARIES, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), python(), *map(str, shared)]
    command = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
    ]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv"]
    for path in dict.fromkeys(seen):
        command += ["--ro-bind-try", str(path), str(path)]
    command += ["--ro-bind", str(INSIDE), f"{BOX}/src/sandbox/inside", "--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--size", str(limits.scratch_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]
    for name, value in environment(BOX, "/tmp").items():
        command += ["--setenv", name, value]
    return command


def environment(root: str, scratch: str) -> dict[str, str]:
    """All variables that a sandboxed process has. The hash seed is fixed: sets come in the same order in every run."""
    return {"PYTHONPATH": root, "PYTHONHASHSEED": "0", "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8"}


@cache
def require_bubblewrap() -> None:
    """Raises FathomError where bubblewrap is missing or cannot make a sandbox here."""
    instead = "or set sandbox=limits_only if you trust the model's code with your files and your network"
    try:
        tried = subprocess.run(
            [*bubblewrap(Limits()), python(), "-S", "-c", ""], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError as error:
        raise FathomError(
            f"running code that a model wrote needs bubblewrap, and there is no bwrap on the PATH: install it "
            f"(apt install bubblewrap, dnf install bubblewrap), {instead}."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise FathomError(f"bwrap did not start a process within a minute: mend it, {instead}.") from error
    if tried.returncode != 0:
        said = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        raise FathomError(
            f"bwrap is installed but makes no sandbox here ({said}): bubblewrap 0.8 or newer is needed and user "
            f"namespaces must be allowed (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_"
            f"userns; in a container, its seccomp profile), {instead}."
        )
