"""Nights that count, and words that name none."""

import pytest

from src.errors import FathomError
from src.tracking.nights import accept_night
from src.tracking.store import Store


def test_a_night_of_an_unknown_study_is_a_sentence_and_makes_no_study(store: Store) -> None:
    with pytest.raises(FathomError, match=r"accept: 2026-01-03 is no night of study nigthly; there are none yet"):
        accept_night(store, "nigthly", "2026-01-03")
    assert store.client.get_experiment_by_name("nigthly") is None
