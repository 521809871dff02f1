"""Arithmetic: word problems about a pile that grows and shrinks, with worked answers, made procedurally.

A problem takes one to eight steps of calculation. The more steps, the rarer its words and the more it says that
changes nothing. Pool and test set come from one distribution and share no prompt.
"""

from functools import cache
from typing import Self

from pydantic import Field, model_validator

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.benchmarks.scoring.number import judge
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.quantities import Pile, Style, draw_pile


class Arithmetic(Benchmark):
    """Procedural word problems; `answer` ends in a line `#### <number>`, as in GSM8K (Cobbe et al. 2110.14168)."""

    pool_size: int = Field(gt=0)
    test_size: int = Field(gt=0)
    min_steps: int = Field(ge=1)
    max_steps: int = Field(le=12)
    seed: int = Field(ge=0, description="another seed is another pool and another test set")

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps ({self.min_steps}) is above max_steps ({self.max_steps})")
        return self

    def pool(self) -> list[Example]:
        test = {example.prompt for example in self.test()}
        drawn = _draw(f"arithmetic pool {self.seed}", self.pool_size, self.min_steps, self.max_steps, frozenset(test))
        assert test.isdisjoint(example.prompt for example in drawn)
        return list(drawn)

    def test(self) -> list[Example]:
        drawn = _draw(f"arithmetic test {self.seed}", self.test_size, self.min_steps, self.max_steps, frozenset())
        return list(drawn)

    def score(self, example: Example, completion: str) -> Verdict:
        return judge(example.gold, completion)


@cache
def _draw(seed: str, size: int, min_steps: int, max_steps: int, taken: frozenset[str]) -> tuple[Example, ...]:
    """`size` problems with different prompts, none of them in `taken`."""
    dice = Dice(seed)
    drawn: dict[str, Example] = {}
    while len(drawn) < size:
        example = _problem(dice, dice.between(min_steps, max_steps))
        if example.prompt not in taken:
            drawn.setdefault(example.prompt, example)
    return tuple(drawn.values())


def _problem(dice: Dice, steps: int) -> Example:
    style = Style(vocabulary=1.0, exponent=1.0 - 0.08 * (steps - 1), idle=0.05 * (steps - 1), operand=9)
    pile = draw_pile(dice, steps, style)
    worked = "\n".join(f"{step.before}{step.operator}{step.operand}={step.after}" for step in pile.steps)
    return Example(prompt=_prompt(pile), answer=f"{worked}\n#### {pile.end}", gold=str(pile.end))


def _prompt(pile: Pile) -> str:
    happenings = " ".join(f"{pile.person} {event.text}." for event in pile.events)
    asked = f"How many {pile.things} does {pile.person} have now?"
    return f"{pile.person} has {pile.start} {pile.things}. {happenings} {asked}"
