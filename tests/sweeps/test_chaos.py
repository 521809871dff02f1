"""bench/chaos.py with little of everything."""

from pathlib import Path

import pytest
from chaos import Chaos, survive

# With this seed SIGKILL comes to the whole sweep first, and then to one of the others.
WHOLE_AND_ONE = 45


@pytest.mark.slow
def test_a_sweep_survives_kills_and_a_server_that_goes_away(tmp_path: Path) -> None:
    found = survive(Chaos(store="server", seeds=1, steps=12, kills=2, stops=1, away=3, seed=WHOLE_AND_ONE), tmp_path)
    assert len(found) > 10
    assert [(asked, what) for asked, holds, what in found if not holds] == []
