"""A function on several ranks: processes that find one another through gloo, as devices do through NCCL."""

import multiprocessing
import os
import socket
import tempfile
from pathlib import Path

import torch

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["src.tasks.finetune"])  # torch and Lightning are imported once for all ranks


def on_ranks(ranks, function, *arguments, devices=None, torchrun=False):
    """What `function(*arguments)` returns on the first of so many ranks, `devices` of them to a node (None: all).

    They know of one another by Lightning's variables, or by those that `torchrun` sets.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.pt"
        started = [
            processes.Process(target=_rank, args=(environment, result, function, arguments))
            for environment in _environments(ranks, devices or ranks, port, torchrun)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()
        assert [process.exitcode for process in started] == [0] * ranks
        return torch.load(result)


def _environments(ranks, devices, port, torchrun):
    for rank in range(ranks):
        node = str(rank // devices)
        yield {
            "LOCAL_RANK": str(rank % devices),
            "WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            **(
                {"TORCHELASTIC_RUN_ID": "0", "RANK": str(rank), "GROUP_RANK": node} if torchrun else {"NODE_RANK": node}
            ),
        }


def _rank(environment, result, function, arguments):
    os.environ |= environment
    torch.set_num_threads(1)
    returned = function(*arguments)
    if environment["LOCAL_RANK"] == environment.get("NODE_RANK", environment.get("GROUP_RANK")) == "0":
        torch.save(returned, result)
