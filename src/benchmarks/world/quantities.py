"""A pile of things whose size changes event by event: the ground truth behind stories, counts and word problems."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice

LARGEST = 99


@dataclass(frozen=True)
class Step:
    """One calculation: `before` `operator` `operand` = `after`, all whole numbers from 0 to LARGEST."""

    before: int
    operator: str
    operand: int
    after: int


@dataclass(frozen=True)
class Event:
    """What happens, said without its subject, and the step that it takes (None: it changes nothing)."""

    text: str
    step: Step | None


@dataclass(frozen=True)
class Pile:
    """One person's pile: its size at the start, and its events in order."""

    person: str
    things: str
    start: int
    events: Sequence[Event]

    @property
    def steps(self) -> list[Step]:
        return [event.step for event in self.events if event.step is not None]

    @property
    def end(self) -> int:
        steps = self.steps
        return steps[-1].after if steps else self.start


@dataclass(frozen=True)
class Style:
    """How rare and how large things get.

    `vocabulary` is the share of each word list that is used, from its common end; `exponent` is that of Zipf's law
    over the ranks in it (0: all alike); `idle` is the chance that an event which changes nothing precedes a step;
    `operand` is the largest number that is added or taken away.
    """

    vocabulary: float
    exponent: float
    idle: float
    operand: int


def draw_pile(dice: Dice, steps: int, style: Style) -> Pile:
    """A pile with so many steps."""
    person = dice.choice(words.NAMES)
    things = dice.zipf(_known(words.THINGS, style), style.exponent)
    start = size = dice.between(2, 50)
    events: list[Event] = []
    for _ in range(steps):
        if dice.chance(style.idle):
            text = dice.zipf(_known(words.IDLE, style), style.exponent)
            events.append(Event(text.format(k=dice.between(1, style.operand)), None))
        event = _draw_step(dice, size, style)
        assert event.step is not None
        events.append(event)
        size = event.step.after
    return Pile(person, things, start, events)


def _known(ranked: Sequence[str], style: Style) -> Sequence[str]:
    return ranked[: max(1, round(len(ranked) * style.vocabulary))]


def _draw_step(dice: Dice, size: int, style: Style) -> Event:
    roll = dice.between(1, 20)
    if roll <= 2 and 0 < size <= LARGEST // 2:
        return _event(dice, words.DOUBLES, style, Step(size, "*", 2, size * 2))
    if roll == 3 and 0 < size <= LARGEST // 3:
        return _event(dice, words.TRIPLES, style, Step(size, "*", 3, size * 3))
    if roll <= 5 and size > 1 and size % 2 == 0:
        return _event(dice, words.HALVES, style, Step(size, "/", 2, size // 2))
    room = LARGEST - size
    if room > 0 and (size < 2 or (dice.chance(0.5) and size < LARGEST * 3 // 4)):
        operand = dice.between(1, min(style.operand, room))
        return _event(dice, words.GAINS, style, Step(size, "+", operand, size + operand))
    operand = dice.between(1, min(style.operand, size))
    return _event(dice, words.LOSSES, style, Step(size, "-", operand, size - operand))


def _event(dice: Dice, ranked: Sequence[str], style: Style, step: Step) -> Event:
    return Event(dice.zipf(_known(ranked, style), style.exponent).format(k=step.operand), step)
