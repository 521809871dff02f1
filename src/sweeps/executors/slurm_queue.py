"""What SLURM says of jobs, asked with squeue: it answers where there is no accounting database for sacct, too."""

from submitit.slurm.slurm import SlurmInfoWatcher

# The others, of `man squeue`, are those of jobs that wait, run, stand still or are about to be requeued.
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("TIMEOUT", "GONE"),
}
DELAY_SECONDS = 10


class Queue(SlurmInfoWatcher):
    """submitit's watcher, which `Job.done` and `Job.state` ask. A job that SLURM knows no longer is GONE.

    One of an array that is cancelled while it waits is gone at once, and CANCELLED here.
    """

    def __init__(self) -> None:
        super().__init__(delay_s=DELAY_SECONDS)

    def _make_command(self) -> list[str] | None:
        if self._registered <= self._finished:
            return None
        return ["squeue", "--me", "--array", "--states=all", "--noheader", "--format=%i %T"]

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        text = string if isinstance(string, str) else string.decode()
        states = dict(line.split() for line in text.splitlines())
        left = {job: "CANCELLED" for job, info in self._info_dict.items() if info["State"] in ("PENDING", "CANCELLED")}
        return {job: {"State": states.get(job) or left.get(job, "GONE")} for job in self._registered}

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        return self.get_state(job_id, mode) in ENDED
