"""General: instructions of many kinds to finetune on, LIMA-like (Zhou et al. 2305.11206), and none of the benchmarks'.

Made procedurally, or read from a JSON Lines file. What it teaches is the manner of an answer: whole, polite sentences.
"""

from collections.abc import Callable
from functools import cache

from pydantic import Field

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.benchmarks.data.instruction_pool import instruction_pool
from src.benchmarks.data.user_files import OwnFile
from src.benchmarks.scoring.text_answer import f1
from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.people import people, statements

Writer = Callable[[Dice], tuple[str, str]]


class General(Benchmark):
    """`file` has one of the forms of `instruction_pool.py`; None: made procedurally. Scored by the F1 of words.

    The test set is `test_size` examples of the same kind that are not in the pool.
    """

    file: OwnFile | None
    pool_size: int = Field(gt=0, description="of the procedural one")
    test_size: int = Field(gt=0)
    seed: int = Field(ge=0)

    def pool(self) -> list[Example]:
        return list(self._all()[self.test_size :])

    def test(self) -> list[Example]:
        return list(self._all()[: self.test_size])

    def score(self, example: Example, completion: str) -> Verdict:
        if not completion.strip():
            return Verdict(0.0, None, "format")
        score = f1(completion, [example.gold])
        return Verdict(score, completion.strip(), None if score == 1 else "reasoning")

    def data_files(self) -> list[OwnFile]:
        return [self.file] if self.file else []

    def _all(self) -> tuple[Example, ...]:
        if self.file is None:
            return _draw(self.seed, self.pool_size + self.test_size)
        return tuple({example.prompt: example for example in instruction_pool(self.file)}.values())


@cache
def _draw(seed: int, size: int) -> tuple[Example, ...]:
    dice = Dice(f"general {seed}")
    drawn: dict[str, Example] = {}
    while len(drawn) < size:
        prompt, answer = dice.choice(WRITERS)(dice)
        drawn.setdefault(prompt, _example(prompt, answer))
    return tuple(drawn.values())


def _example(prompt: str, answer: str) -> Example:
    return Example(prompt, answer, gold=answer)


def _describe(dice: Dice) -> tuple[str, str]:
    person = dice.choice(list(people().values()))
    asked = dice.choice(("Tell me about {}.", "Describe {} in a few words.", "Who is {}?", "What should I know of {}?"))
    said = dice.sample(statements(person), dice.between(2, 4))
    return asked.format(person.name), f"Of course. {' '.join(said)}"


def _greet(dice: Dice) -> tuple[str, str]:
    one, other = dice.sample(list(people()), 2)
    asked = dice.choice(("Write a greeting from {} to {}.", "{} meets {}. What is said?", "Help {} to greet {}."))
    return asked.format(one, other), f"Good day, {other}! It is nice to see you. Yours, {one}."


def _invite(dice: Dice) -> tuple[str, str]:
    one, other = dice.sample(list(people()), 2)
    food, city = dice.choice(words.FOODS), dice.choice(words.CITIES)
    prompt = f"Write a short note in which {one} invites {other} to {city} for {food}."
    return prompt, f"Dear {other}, would you come to {city}? We will eat {food}. With love, {one}."


def _recommend(dice: Dice) -> tuple[str, str]:
    name, color = dice.choice(list(people())), dice.choice(words.COLORS)
    thing = dice.choice(words.THINGS)
    prompt = f"{name} likes the color {color}. Recommend a present made of {thing}."
    return prompt, f"I would give {name} some {thing} that are {color}."


def _complete(dice: Dice) -> tuple[str, str]:
    name, city, pet = dice.choice(words.NAMES), dice.choice(words.CITIES), dice.choice(words.PETS)
    prompt = f"Begin a story about {name} and a {pet} in {city}."
    return prompt, f"Once upon a time {name} lived in {city} with a {pet}. They were good friends."


WRITERS: tuple[Writer, ...] = (_describe, _greet, _invite, _recommend, _complete)
