"""Where the points of a sweep are run: an executor by its name."""

from pathlib import Path

from src.errors import FathomError
from src.sweeps.executors.executor import Executor, Task
from src.sweeps.launcher import Launcher


def executor_for(launcher: Launcher, tasks: list[Task], n_jobs: int, folder: Path) -> Executor:
    """The executor that `launcher` names, for `tasks`, `n_jobs` of them at a time; its own files go to `folder`.

    Raises FathomError where the package behind it is missing, or where a task could never start.
    """
    match launcher.executor:
        case "processes":
            from src.sweeps.executors.local import LocalProcesses

            return LocalProcesses(n_jobs)
        case "gpus":
            from src.sweeps.executors.local import LocalProcesses, visible_gpus

            gpus = visible_gpus(launcher.gpus)
            for task in tasks:
                if not 0 < task.gpus <= len(gpus):
                    raise FathomError(
                        f"hydra/launcher=gpus: {task.name} asks for {task.gpus} GPUs, and this machine shows "
                        f"{len(gpus)}; set trainer=gpu and trainer.devices (or hydra.launcher.gpus, if it has others)"
                    )
            return LocalProcesses(launcher.n_jobs or len(gpus), gpus)
        case "slurm":
            from src.sweeps.executors.slurm import Slurm

            return Slurm(launcher, folder)
        case "ray":
            from src.sweeps.executors.ray_cluster import RayCluster

            return RayCluster(launcher)
