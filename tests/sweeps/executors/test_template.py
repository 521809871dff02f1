"""What jobs of this machine are forked from, in a process of its own."""

import multiprocessing.forkserver
import os
import subprocess
import sys
from pathlib import Path

from hydra import compose, initialize_config_dir

from src.config.check import check
from src.config.train import TrainConfig
from src.sweeps.executors.local import DATA, MOST_BENCHMARKS, Data, start_fork_server

ROOT = Path(__file__).parents[3]
LOOK = """
import gc, os
import src.tasks.finetune
from src.sweeps.executors import template
from src.sweeps.executors.local import DATA, Data
from src.benchmarks.arithmetic import Arithmetic
from src.points import code_identity
from src.points.keys import pool_of, test_of
print(pool_of.cache_info().currsize, test_of.cache_info().currsize)
print(DATA in os.environ, gc.get_freeze_count() > 100_000)
read = code_identity._read_version.cache_info().misses
code_identity.code_of("src.tasks.finetune", Arithmetic.__module__)
print(code_identity._read_version.cache_info().misses - read)
"""


def config(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return check(compose("train", overrides=list(overrides)), TrainConfig)


def test_data_and_code_are_read_before_a_job_is_forked_and_data_that_cannot_be_is_left_to_it(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("no JSON\n")
    own = ["benchmark=jsonl", f"benchmark.train={rows}", f"benchmark.test={rows}", "benchmark.scorer=f1"]
    benchmarks = [config(*own).benchmark, config("n_examples=4").benchmark]
    environment = {**os.environ, DATA: Data(pools=benchmarks, tests=benchmarks).model_dump_json()}
    said = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, env=environment, text=True, capture_output=True)
    assert said.stdout.splitlines() == ["1 1", "False True", "0"], said.stderr


def test_the_fork_server_is_told_of_each_benchmark_once_and_not_of_a_pool_that_nothing_is_drawn_from(monkeypatch):
    told = []
    monkeypatch.setattr(multiprocessing.forkserver, "ensure_running", lambda: told.append(os.environ[DATA]))
    start_fork_server([config("n_examples=4", f"seed={seed}") for seed in range(2)])
    start_fork_server([config("n_examples=0"), config("n_examples=4", "+benchmark@train_on=multihop")])
    start_fork_server([config("n_examples=4", f"benchmark.max_new_tokens={n}") for n in range(20, 30)])
    names = [
        [[of.name for of in benchmarks] for benchmarks in (data.pools, data.tests)]
        for data in map(Data.model_validate_json, told)
    ]
    own = config().benchmark.name
    assert names == [[[own], [own]], [["multihop"], [own]], [[own] * MOST_BENCHMARKS] * 2]
    assert DATA not in os.environ
