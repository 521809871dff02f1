import pytest

from src.benchmarks.world.code import LIST_LINES, STRING_LINES, program
from src.benchmarks.world.dice import Dice


@pytest.mark.parametrize("seed", range(200))
def test_every_program_runs(seed: int) -> None:
    text = program(Dice(f"program {seed}"))
    variables = {"xs": [3, 12, 8, 3, 5], "s": "Some letters"}
    exec(text, variables)
    comments, lines = text.splitlines()[::2], text.splitlines()[1::2]
    assert 2 <= len(lines) <= 4
    assert all(comment.startswith("# ") for comment in comments)


def test_no_comment_means_two_things() -> None:
    for lines in (LIST_LINES, STRING_LINES):
        assert len({comment for comment, _ in lines}) == len({code for _, code in lines}) == len(lines)
