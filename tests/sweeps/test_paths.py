from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from src.sweeps.job import quoted

NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0$\n\r"), min_size=1)


@given(NAMES)
def test_a_directory_of_any_name_is_read_back_by_hydra(name):
    override = OverridesParser.create().parse_override(f"hydra.run.dir={quoted(name)}")
    assert override.value() == name
