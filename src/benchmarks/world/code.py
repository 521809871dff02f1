"""Python as a tiny base reads it: short commented programs over a list of numbers or a string."""

from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice

# A comment and the line below it; {k} is a number, {c} and {d} are letters, {w} is a word.
LIST_LINES = (
    ("larger than {k}", "xs = [x for x in xs if x > {k}]"),
    ("smaller than {k}", "xs = [x for x in xs if x < {k}]"),
    ("all but {k}", "xs = [x for x in xs if x != {k}]"),
    ("even ones", "xs = [x for x in xs if x % 2 == 0]"),
    ("odd ones", "xs = [x for x in xs if x % 2 == 1]"),
    ("each plus {k}", "xs = [x + {k} for x in xs]"),
    ("each minus {k}", "xs = [x - {k} for x in xs]"),
    ("each times {k}", "xs = [x * {k} for x in xs]"),
    ("squares", "xs = [x * x for x in xs]"),
    ("smallest to largest", "xs = sorted(xs)"),
    ("largest to smallest", "xs = sorted(xs, reverse=True)"),
    ("backwards", "xs = xs[::-1]"),
    ("the first {k}", "xs = xs[:{k}]"),
    ("without the first {k}", "xs = xs[{k}:]"),
    ("the last {k}", "xs = xs[-{k}:]"),
    ("without the last {k}", "xs = xs[:-{k}]"),
    ("{k} behind", "xs = xs + [{k}]"),
    ("{k} in front", "xs = [{k}] + xs"),
)
STRING_LINES = (
    ("large letters", "s = s.upper()"),
    ("small letters", "s = s.lower()"),
    ("backwards", "s = s[::-1]"),
    ("the first {k} letters", "s = s[:{k}]"),
    ("the last {k} letters", "s = s[-{k}:]"),
    ("without the first {k} letters", "s = s[{k}:]"),
    ("no {c}", 's = s.replace("{c}", "")'),
    ("{c} becomes {d}", 's = s.replace("{c}", "{d}")'),
    ("{k} times", "s = s * {k}"),
    ("{w} behind", 's = s + "{w}"'),
    ("{w} in front", 's = "{w}" + s'),
)


def program(dice: Dice) -> str:
    """Two to four lines of code, each below the comment that says what it does."""
    lines = LIST_LINES if dice.chance(0.6) else STRING_LINES
    return "\n".join(_line(dice, *dice.choice(lines)) for _ in range(dice.between(2, 4)))


def _line(dice: Dice, comment: str, code: str) -> str:
    letters = dice.sample("abcdefghijklmnopqrstuvwxyz", 2)
    blanks = {"k": dice.between(1, 9), "c": letters[0], "d": letters[1], "w": dice.choice(words.LIST_ITEMS)}
    return f"# {comment.format(**blanks)}\n{code.format(**blanks)}"
