from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.world.dice import Dice
from src.benchmarks.world.quantities import LARGEST, Style, draw_pile

CALCULATE = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}


@given(seed=st.text(max_size=8), steps=st.integers(0, 12), idle=st.floats(0, 1), vocabulary=st.floats(0.01, 1))
def test_every_pile_is_calculated_rightly_within_bounds(seed: str, steps: int, idle: float, vocabulary: float) -> None:
    style = Style(vocabulary=vocabulary, exponent=1.0, idle=idle, operand=20)
    pile = draw_pile(Dice(seed), steps, style)
    assert len(pile.steps) == steps
    size = pile.start
    for step in pile.steps:
        assert step.before == size
        assert step.after == CALCULATE[step.operator](step.before, step.operand)
        assert step.operator != "/" or step.before % step.operand == 0
        assert 0 <= step.after <= LARGEST
        size = step.after
    assert pile.end == size
