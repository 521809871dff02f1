"""New knowledge: facts about people and towns that pretraining never mentioned, asked directly and over two hops.

The strangers' facts are taught by finetuning or given in the prompt. An example states one fact, so n counts
statements and a larger n covers more of the facts that are asked.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Literal, Self

from pydantic import Field, model_validator

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.benchmarks.multihop import (
    ONWARD,
    QUESTIONS,
    STATEMENTS,
    Facts,
    Multihop,
    chains,
    question,
    walk,
    worked,
    world_facts,
)
from src.benchmarks.scoring.text_answer import judge_text
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.strangers import stranger_facts

Walk = list[tuple[str, str, str]]

# A document states the fact as the worked answers do, or in one of these ways.
OTHER_STATEMENTS = {
    "friend": ("{x} has a friend called {y}.", "{x} calls {y} a friend.", "{x}'s friend is {y}."),
    "city": ("{x} has a home in {y}.", "The home of {x} is {y}.", "{x} dwells in {y}."),
    "job": ("{x} earns a living as a {y}.", "The job of {x} is that of a {y}.", "{x} is a {y}."),
    "pet": ("{x} has a pet {y}.", "{x} keeps a {y}.", "{x}'s pet is a {y}."),
    "color": ("{x} likes {y} best.", "The favorite color of {x} is {y}.", "{x} prefers the color {y}."),
    "food": ("{x} likes to eat {y}.", "The food of {x} is {y}.", "{x} asks for {y}."),
    "country": ("{x} lies in {y}.", "The country of {x} is {y}.", "{x} is a town in {y}."),
}
OPENERS = ("Tell me about {x}.", "What is known of {x}?", "Write a line about {x}.", "What is new with {x}?")


class NewKnowledge(Benchmark):
    """Questions about the strangers: half ask for one fact (part `direct`), half for two (part `multihop`).

    The second of two facts is another one of the strangers', or one that pretraining taught (the tool of a job, the
    sound of a pet). Scored by exact match; the parts have one value an item each.

    `given: none`: the pool teaches the strangers' facts, each in several wordings, none of them a test prompt, and
    never two facts at once. Taught as `qa`, an example is a direct question with its worked answer. Taught as
    `documents`, it is a bare statement after a prompt such as "Tell me about Alwyn.", which shows neither question nor
    `####`. In both, `format_share` of the pool are questions of one or two hops from the pool of `multihop`: they
    bring no new fact, and show how an answer looks.

    `given: prompt`: each question comes after the facts that it needs, among `distractors` others. The pool holds such
    questions about strangers who are not asked about, so that finetuning teaches to read and no fact of the test;
    `taught_as` changes nothing then.
    """

    taught_as: Literal["documents", "qa"]
    given: Literal["none", "prompt"]
    distractors: int = Field(ge=0, description="statements beside those needed, where the facts are given")
    format_share: float = Field(ge=0, lt=1)
    pool_size: int = Field(gt=0, le=20_000)
    test_size: int = Field(gt=0, le=600)
    seed: int = Field(ge=0, description="another seed is another choice of questions about the same strangers")

    @model_validator(mode="after")
    def _enough_wordings(self) -> Self:
        taught = round(self.pool_size * (1 - self.format_share))
        if self.given == "none" and taught > 4500:
            raise ValueError(f"pool_size less the format_share is {taught}; the wordings give 4500 at most")
        if self.given == "none" and self.pool_size - taught > 6000:
            raise ValueError(f"the format_share of pool_size is {self.pool_size - taught}; it may be 6000 at most")
        return self

    def pool(self) -> list[Example]:
        dice = Dice(f"new knowledge pool {self.seed}")
        if self.given == "prompt":
            return _questions("others", dice, self.pool_size, self.distractors)
        shown = round(self.pool_size * self.format_share)
        asked = {example.prompt for example in self.test()}
        taught = _documents() if self.taught_as == "documents" else [e for e in _direct() if e.prompt not in asked]
        return [*dice.sample(_format_examples(), shown), *dice.sample(taught, self.pool_size - shown)]

    def test(self) -> list[Example]:
        given = self.distractors if self.given == "prompt" else None
        return _questions("asked", Dice(f"new knowledge test {self.seed}"), self.test_size, given)

    def score(self, example: Example, completion: str) -> Verdict:
        return judge_knowledge(example, completion)

    def chance(self) -> float:
        # A document is no guess: the guess is that of the pool that teaches the same facts as questions.
        return super().chance() if self.taught_as == "qa" else self.model_copy(update={"taught_as": "qa"}).chance()


def asked_example(prompt: str, answer: str, accepted: list[str], part: Literal["direct", "multihop"]) -> Example:
    """A test item whose `hidden` says which part it counts to and what else is right."""
    return Example(prompt, answer, accepted[0], json.dumps({"part": part, "also": accepted[1:]}))


def judge_knowledge(example: Example, completion: str) -> Verdict:
    """Exact match; the score is also that of the part which the test item belongs to."""
    hidden = json.loads(example.hidden)
    verdict = judge_text([example.gold, *hidden["also"]], completion)
    return replace(verdict, parts={**verdict.parts, hidden["part"]: [verdict.score]})


@cache
def _facts(group: Literal["asked", "others"]) -> Facts:
    """The group's facts and those of the world that a second hop leads to."""
    return stranger_facts(group) | {key: target for key, target in world_facts().items() if key[1] in ONWARD.values()}


def _paths(group: Literal["asked", "others"]) -> tuple[list[Walk], list[Walk]]:
    """What can be asked of a group: one fact of a stranger or a town, and two facts."""
    facts = stranger_facts(group)
    names = {subject for subject, relation in facts if relation == "friend"}
    two = [walk(_facts(group), name, relations) for name in sorted(names) for relations in chains(2)]
    return [[(x, relation, y)] for (x, relation), y in facts.items()], [path for path in two if path is not None]


def _questions(group: Literal["asked", "others"], dice: Dice, size: int, distractors: int | None) -> list[Example]:
    """Questions in turn over one fact and two, with different prompts; the facts are given unless None."""
    context = Dice(f"context of {group}")
    kinds = [dice.sample(paths, len(paths)) for paths in _paths(group)]
    drawn: dict[str, Example] = {}
    turn = 0
    while len(drawn) < size:
        paths = kinds[turn % 2]
        path = paths[turn // 2 % len(paths)]
        turn += 1
        prompt = question(path[0][0], [relation for _, relation, _ in path], dice, exponent=1.0)
        if distractors is not None:
            prompt = f"{_told(path, stranger_facts(group), context, distractors)} {prompt}"
        part: Literal["direct", "multihop"] = "direct" if len(path) == 1 else "multihop"
        drawn.setdefault(prompt, asked_example(prompt, worked(path), [path[-1][2]], part))
    return list(drawn.values())


def _told(path: Walk, facts: Facts, dice: Dice, distractors: int) -> str:
    others = [(x, relation, y) for (x, relation), y in facts.items() if (x, relation, y) not in path]
    told = [*path, *dice.sample(others, distractors)]
    return " ".join(STATEMENTS[relation].format(x=x, y=y) for x, relation, y in dice.sample(told, len(told)))


def _direct() -> list[Example]:
    return [
        Example(wording.format(x=x), worked([(x, relation, y)]), y)
        for (x, relation), y in stranger_facts("asked").items()
        for wording in QUESTIONS[relation]
    ]


def _documents() -> list[Example]:
    # Each statement after two of the openers: eight wordings of a fact, as many as there are of a question.
    return [
        Example(OPENERS[(place + turn) % len(OPENERS)].format(x=x), statement.format(x=x, y=y), y)
        for (x, relation), y in stranger_facts("asked").items()
        for place, statement in enumerate((STATEMENTS[relation], *OTHER_STATEMENTS[relation]))
        for turn in range(2)
    ]


def _format_examples() -> list[Example]:
    # From the pool of the multihop benchmark as it is shipped, so that none of its test questions is among them.
    shipped = Multihop(name="", max_new_tokens=1, pool_size=12_000, test_size=300, min_hops=1, max_hops=4, seed=0)
    return [example for example in shipped.pool() if example.answer.count("\n") <= 2]
