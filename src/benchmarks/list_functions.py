"""List functions: short Python functions over lists and strings from a plain description, made procedurally.

A description names one to four operations, in order; the answer does one on each line. Operations are as unequal in
frequency as words (Zipf): a few are in every second description, most are rare, so that there is something left to
learn from the thousandth example. Hidden tests tell the function from every near miss: another parameter, one operation
too few, two the wrong way round, another operation in the place of one. Pool and test set are drawn alike, and no
prompt comes twice.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import Field

from src.benchmarks.benchmark import Example
from src.benchmarks.scoring.code_text import CodeBenchmark, whole_program
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.operations import LETTERS, NUMBERS, STRING, Operation
from src.benchmarks.world.words import LIST_ITEMS
from src.sandbox.program import Program

ALPHABET = "".join(LETTERS)
# How often a description has one, two, three and four operations.
STEPS = (1, 2, 2, 3, 3, 4)
OPENINGS = {
    "xs": (
        "Write a function f that takes a list of numbers: {steps}.",
        "Write f for a list xs of numbers. It should {steps}.",
        "Given numbers in a list xs, f must {steps}.",
        "Define f so that, for a list of numbers, it does this: {steps}.",
        "Let f take some numbers as the list xs: {steps}.",
        "What f does with a list of numbers: {steps}.",
        "I have a list of numbers and need a function f for it: {steps}.",
        "For a list of numbers, f should {steps}.",
    ),
    "s": (
        "Write a function f that takes a string: {steps}.",
        "Write f for a string s. It should {steps}.",
        "Given a string s, f must {steps}.",
        "Define f so that, for a string, it does this: {steps}.",
        "Let f take some text as the string s: {steps}.",
        "What f does with a string: {steps}.",
        "I have a string and need a function f for it: {steps}.",
        "For a string, f should {steps}.",
    ),
}
CONNECTIVES = (", then ", ", and then ", ", next ", ", after that ")
# One operation with its parameters.
Step = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Function:
    """`variable` is what it takes: `xs`, a list of numbers, or `s`, a string."""

    variable: str
    steps: tuple[Step, ...]

    @property
    def operations(self) -> dict[str, Operation]:
        return NUMBERS if self.variable == "xs" else STRING

    def __call__(self, value: Any) -> Any:
        for name, parameters in self.steps:
            value = self.operations[name].apply(value, *parameters)
        return value

    @property
    def code(self) -> str:
        lines = [_fill(self.operations[name].code, parameters, self.variable) for name, parameters in self.steps]
        body = [f"{self.variable} = {line}" for line in lines[:-1]] + [f"return {lines[-1]}"]
        return "\n".join([f"def f({self.variable}):", *(f"    {line}" for line in body)])

    def near_misses(self) -> Iterator["Function"]:
        """With one parameter changed, one step left out, two swapped, or one operation replaced by another."""
        for i, (name, parameters) in enumerate(self.steps):
            before, after = self.steps[:i], self.steps[i + 1 :]
            yield Function(self.variable, before + after)
            if after:
                yield Function(self.variable, (*before, after[0], self.steps[i], *after[1:]))
            for j, values in enumerate(self.operations[name].parameters):
                for value in values:
                    changed = (*parameters[:j], value, *parameters[j + 1 :])
                    yield Function(self.variable, (*before, (name, changed), *after))
            for other, operation in self.operations.items():
                takes = operation.parameters
                if len(takes) == len(parameters) and all(
                    p in values for p, values in zip(parameters, takes, strict=True)
                ):
                    yield Function(self.variable, (*before, (other, parameters), *after))


class ListFunctions(CodeBenchmark):
    """Procedural descriptions of functions called f; the reference answer is the function."""

    pool_size: int = Field(gt=0)
    test_size: int = Field(gt=0)
    rarity: float = Field(ge=0, description="operations are drawn in proportion to rank ** -rarity")
    seed: int = Field(ge=0, description="another seed is another pool and another test set")

    def pool(self) -> list[Example]:
        test = frozenset(example.prompt for example in self.test())
        drawn = _draw(f"list functions pool {self.seed}", self.pool_size, self.rarity, test)
        assert test.isdisjoint(example.prompt for example in drawn)
        return list(drawn)

    def test(self) -> list[Example]:
        return list(_draw(f"list functions test {self.seed}", self.test_size, self.rarity, frozenset()))

    def program(self, example: Example, completion: str) -> Program:
        """The tests are made here from the steps in `hidden`: for a whole pool they would take minutes."""
        variable, steps = json.loads(example.hidden)
        function = Function(variable, tuple((name, tuple(parameters)) for name, parameters in steps))
        return Program(whole_program(completion), tests=hidden_tests(function), entry_point="f")


def hidden_tests(function: Function) -> str:
    """Assertions on five inputs, and on one more for each near miss that those before do not tell from `function`.

    A near miss that differs on none of the inputs counts as another way to write the same function.
    """
    inputs = probes(function.variable)
    chosen = list(inputs[:5])
    for other in function.near_misses():
        if all(function(value) == other(value) for value in chosen):
            chosen += [value for value in inputs if function(value) != other(value)][:1]
    return "\n".join(f"assert f({value!r}) == {function(value)!r}" for value in chosen)


@cache
def probes(variable: str) -> tuple[Any, ...]:
    """Lists of 0 to 12 numbers from 0 to 24 with some that come twice, or strings of words; the same on every call."""
    dice = Dice(f"list functions probes {variable}")
    if variable == "xs":
        return (
            [], [7, 2, 9, 2, 14, 5, 11, 8], [*range(18)], [*range(17, -1, -1)],
            *([dice.between(0, 24) for _ in range(dice.between(1, 12))] for _ in range(36)),
        )  # fmt: skip
    return (
        "", ALPHABET, ALPHABET[::-1], "Hello", "mirror Mirror",
        *(dice.choice(LIST_ITEMS) + dice.choice(("", " ")) + dice.choice(LIST_ITEMS) for _ in range(35)),
    )  # fmt: skip


@cache
def _draw(seed: str, size: int, rarity: float, taken: frozenset[str]) -> tuple[Example, ...]:
    """`size` descriptions with different prompts, none of them in `taken`."""
    dice = Dice(seed)
    drawn: dict[str, Example] = {}
    for _ in range(size):
        # The number of steps stays when a prompt is drawn again: else short descriptions would run out.
        steps = dice.choice(STEPS)
        while True:
            function = _function(dice, steps, rarity)
            prompt = _prompt(dice, function)
            if prompt not in taken and prompt not in drawn:
                break
        hidden = json.dumps([function.variable, function.steps])
        drawn[prompt] = Example(prompt, answer=function.code, gold=function.code, hidden=hidden)
    return tuple(drawn.values())


def _function(dice: Dice, steps: int, rarity: float) -> Function:
    """Every step changes something on some input, no two do the same, and the function is not the same for all."""
    while True:
        variable = "xs" if dice.chance(0.65) else "s"
        operations = NUMBERS if variable == "xs" else STRING
        names = [dice.zipf(list(operations), rarity) for _ in range(steps)]
        if len(set(names)) < steps:
            continue
        drawn = tuple((name, tuple(dice.choice(v) for v in operations[name].parameters)) for name in names)
        function = Function(variable, drawn)
        results = [function(value) for value in probes(variable)]
        shorter = [Function(variable, drawn[:i] + drawn[i + 1 :]) for i in range(steps)]
        if len({str(result) for result in results}) >= 5 and all(
            any(other(value) != result for value, result in zip(probes(variable), results, strict=True))
            for other in shorter
        ):
            return function


def _prompt(dice: Dice, function: Function) -> str:
    said = [
        _fill(dice.choice(function.operations[name].phrases), parameters, function.variable)
        for name, parameters in function.steps
    ]
    steps = said[0] + "".join(dice.choice(CONNECTIVES) + phrase for phrase in said[1:])
    return dice.choice(OPENINGS[function.variable]).format(steps=steps)


def _fill(template: str, parameters: Sequence[Any], variable: str) -> str:
    return template.format(v=variable, **dict(zip("km", parameters, strict=False)))
