import time

import pytest

from src.errors import FathomError
from src.sweeps.job import SweepJob
from src.tracking.runs import claim
from src.tracking.store import open_store


def test_a_point_whose_time_is_over_ends_and_can_be_gone_on_with(toy):
    store = open_store(None, toy().tracking.root)
    with (
        pytest.raises(FathomError, match=r"its time is over \(3 s, hydra.launcher.time_limit_minutes\)"),
        SweepJob(seconds=3).time_limit(),
    ):
        with claim(store, key="k", kind="finetune", name="p", study="s") as run:
            time.sleep(600)
    assert store.client.get_run(run.id).info.status == "KILLED"
    with SweepJob().time_limit(), claim(store, key="k", kind="finetune", name="p", study="s") as again:
        assert (again.id, again.resumed) == (run.id, True)
        again.complete()
