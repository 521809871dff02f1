"""What jobs of this machine share: the fork server imports this last, and every job that is forked from it has it.

That is what the sweep's benchmarks draw from and test on, and the project's code as its digests read it. Nothing here
may start a thread or take a device, which a fork would break.
"""

import gc
import os
from contextlib import suppress

from src.points.code_identity import followed
from src.points.keys import pool_of, test_of
from src.points.point import TASK
from src.sweeps.executors.local import DATA, Data


def _read(data: Data) -> None:
    for benchmark in data.pools:
        with suppress(Exception):  # the job that asks for it says so
            pool_of(benchmark)
    for benchmark in data.tests:
        with suppress(Exception):
            test_of(benchmark)
    followed(TASK, *{type(benchmark).__module__ for benchmark in (*data.pools, *data.tests)})


if DATA in os.environ:
    _read(Data.model_validate_json(os.environ.pop(DATA)))
# What is there by now stays: a job's collections need not look through it, nor copy its pages.
gc.collect()
gc.freeze()
