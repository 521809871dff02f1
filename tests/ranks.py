"""A function on several ranks: processes that find one another through gloo, as devices do through NCCL."""

import multiprocessing
import os
import socket
import tempfile
from pathlib import Path

import torch

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["src.tasks.finetune"])  # torch and Lightning are imported once for all ranks


def on_ranks(ranks, function, *arguments, devices=None):
    """What `function(*arguments)` returns on the first of so many ranks, `devices` of them to a node (None: all)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.pt"
        started = [
            processes.Process(target=_rank, args=(rank, devices or ranks, ranks, port, result, function, arguments))
            for rank in range(ranks)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()
        assert [process.exitcode for process in started] == [0] * ranks
        return torch.load(result)


def _rank(rank, devices, ranks, port, result, function, arguments):
    os.environ |= {
        "NODE_RANK": str(rank // devices),
        "LOCAL_RANK": str(rank % devices),
        "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    returned = function(*arguments)
    if rank == 0:
        torch.save(returned, result)
