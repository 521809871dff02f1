"""What a tiny base is pretrained on: an endless stream of short documents about the procedural world.

The documents teach skills that finetuning can draw out (arithmetic, following a quantity through a story, facts,
lists, lines of code), in surface forms of their own: never a benchmark's prompt, never its marker for the final answer.
"""

from collections.abc import Callable, Iterator, Sequence

from src.benchmarks.world import words
from src.benchmarks.world.code import program
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.people import general_statements, people, statements
from src.benchmarks.world.quantities import LARGEST, Pile, Step, Style, draw_pile

# The commoner part of the vocabulary only: the rest is left for finetuning to teach.
STYLE = Style(vocabulary=0.5, exponent=0.5, idle=0.15, operand=9)
OPERATORS = {"+": "plus", "-": "minus", "*": "times", "/": "over"}


def corpus(seed: int) -> Iterator[str]:
    """Documents without end, each a few dozen to a few hundred tokens; the same seed gives the same stream."""
    dice = Dice(f"corpus {seed}")
    while True:
        yield dice.choice(_MIX)(dice)


def _count(dice: Dice) -> str:
    pile = draw_pile(dice, dice.between(1, 6), STYLE)
    worked = " , ".join(_in_words(step) for step in pile.steps)
    return f"{_opening(pile)} {_telling(pile)} count : {worked} . so {pile.end} {pile.things} ."


def _story(dice: Dice) -> str:
    pile = draw_pile(dice, dice.between(1, 4), STYLE)
    sentences = [_opening(pile)]
    for event in pile.events:
        sentences.append(f"{pile.person} {event.text}.")
        if event.step is not None and dice.chance(0.7):
            sentences.append(f"That makes {event.step.after} {pile.things}.")
    sentences.append(f"In the end {pile.person} has {pile.end} {pile.things}.")
    return " ".join(sentences)


def _ledger(dice: Dice) -> str:
    pile = draw_pile(dice, dice.between(2, 5), STYLE)
    entries = [_opening(pile)]
    for event in pile.events:
        reckoned = "no change" if event.step is None else _in_words(event.step)
        entries.append(f"{pile.person} {event.text} : {reckoned} .")
    return " ".join(entries)


def _drill(dice: Dice) -> str:
    return " ; ".join(_written(_draw_drill(dice), dice) for _ in range(dice.between(4, 10)))


def _chain(dice: Dice) -> str:
    pile = draw_pile(dice, dice.between(4, 10), STYLE)
    return " ; ".join(_written(step, dice) for step in pile.steps)


def _copy(dice: Dice) -> str:
    numbers = " ".join(str(dice.between(0, LARGEST)) for _ in range(dice.between(3, 8)))
    return f"say {numbers} . again {numbers} ."


def _say(dice: Dice) -> str:
    said = " ".join(dice.choice(words.LIST_ITEMS) for _ in range(dice.between(2, 6)))
    return f"say {said} . again {said} ."


def _fact(dice: Dice) -> str:
    if dice.chance(0.1):
        return " ".join(dice.sample(general_statements(), 4))
    said = statements(dice.choice(list(people().values())))
    return " ".join(dice.sample(said, len(said)))


def _list(dice: Dice) -> str:
    items = dice.sample(words.LIST_ITEMS, dice.between(2, 6))
    forms = [
        f"reversed : {' '.join(reversed(items))} .",
        f"sorted : {' '.join(sorted(items))} .",
        f"first : {items[0]} .",
        f"last : {items[-1]} .",
        f"length : {len(items)} .",
        f"without {items[0]} : {' '.join(items[1:])} .",
        f"upper : {' '.join(items).upper()} .",
        f"capital : {' '.join(items).title()} .",
        f"twice : {' '.join(f'{item} {item}' for item in items)} .",
    ]
    return f"list : {' '.join(items)} . {' '.join(dice.sample(forms, 3))}"


# How often each kind of document comes, of 52. By tokens four tenths are calculation, a fifth each facts and lists, a
# tenth code.
_MIX: Sequence[Callable[[Dice], str]] = (
    *[_count] * 5,
    *[_ledger] * 3,
    *[_story] * 2,
    *[_chain] * 2,
    *[_drill] * 2,
    *[_copy] * 2,
    *[_say] * 4,
    *[_fact] * 11,
    *[_list] * 16,
    *[program] * 5,
)


def _opening(pile: Pile) -> str:
    return f"{pile.person} has {pile.start} {pile.things}."


def _telling(pile: Pile) -> str:
    return " ".join(f"{pile.person} {event.text}." for event in pile.events)


def _in_words(step: Step) -> str:
    return f"{step.before} {OPERATORS[step.operator]} {step.operand} makes {step.after}"


def _written(step: Step, dice: Dice) -> str:
    if dice.chance(0.5):
        return _in_words(step)
    return f"{step.before}{step.operator}{step.operand}={step.after}"


def _draw_drill(dice: Dice) -> Step:
    kind = dice.between(1, 10)
    if kind <= 4:
        a = dice.between(0, LARGEST - 1)
        b = dice.between(1, min(STYLE.operand, LARGEST - a))
        return Step(a, "+", b, a + b)
    if kind <= 8:
        a = dice.between(1, LARGEST)
        b = dice.between(1, min(STYLE.operand, a))
        return Step(a, "-", b, a - b)
    if kind == 9:
        factor = dice.between(2, 3)
        a = dice.between(1, LARGEST // factor)
        return Step(a, "*", factor, a * factor)
    half = dice.between(1, LARGEST // 2)
    return Step(half * 2, "/", 2, half)
