"""Checkpoints written straight to the disk: Lightning's own way makes a copy of the whole in memory before."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO


class CheckpointFile(TorchCheckpointIO):
    """A file that bears its name only once it is whole, and is read page by page."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        unfinished = Path(path).with_suffix(".unfinished")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # the system's words, which torch's own error hides
                raise error.__context__ from None
            raise
        unfinished.replace(path)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=weights_only, mmap=True)
        return checkpoint
