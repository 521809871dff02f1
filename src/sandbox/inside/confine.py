"""The limits that a sandboxed process puts on itself before it runs anything else."""

import os
import resource

_PR_SET_KEEPCAPS = 8
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 2


def confine(cpu_seconds: int, memory_bytes: int, file_bytes: int, processes: int, open_files: int) -> None:
    """Soft and hard limits of this process and its children, which they cannot raise again."""
    if os.getuid() == 0:
        _leave_root()
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        # SIGXCPU at the soft limit can be ignored, SIGKILL at the hard one cannot.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, open_files, open_files),
        # Counted inside the sandbox's user namespace, so it must be set there.
        (resource.RLIMIT_NPROC, processes, processes),
    ):
        resource.setrlimit(kind, (soft, hard))


def _leave_root() -> None:
    """Become a user that nobody is: the kernel does not limit root's processes. Of root's rights only that to read
    stays, since the interpreter may be in a directory of root's."""
    import ctypes  # here, since each program's process would pay for it

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    nobody = 2_000_000_000 + os.getpid()
    os.setgroups([])
    os.setresgid(nobody, nobody, nobody)
    os.setresuid(nobody, nobody, nobody)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    for rights in (1 << _CAP_DAC_READ_SEARCH, 0):
        # Effective, permitted and inheritable rights 0 to 31, then those from 32 on.
        if libc.capset(header, (ctypes.c_uint32 * 6)(rights, rights, 0, 0, 0, 0)) == 0:
            return
    raise OSError(ctypes.get_errno(), "capset")
