"""The limits that a sandboxed process puts on itself before it runs anything else."""

import resource


def confine(cpu_seconds: int, memory_bytes: int, file_bytes: int, processes: int, open_files: int) -> None:
    """Soft and hard limits of this process and its children, which they cannot raise again."""
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        # SIGXCPU at the soft limit can be ignored, SIGKILL at the hard one cannot.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_NOFILE, open_files, open_files),
        # Counted inside the sandbox's user namespace, so it must be set there; the kernel spares root from it.
        (resource.RLIMIT_NPROC, processes, processes),
    ):
        resource.setrlimit(kind, (soft, hard))
