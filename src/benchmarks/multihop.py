"""Multihop: questions that compose one to four facts which the tiny bases saw in pretraining, made procedurally.

"What does the pet of the friend of Bobin say?" takes three hops. The worked answer states one fact a line, in the
words of the pretraining corpus. The more hops, the rarer the words of the question.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Self

from pydantic import Field, model_validator

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.benchmarks.scoring.text_answer import judge_text
from src.benchmarks.world.dice import Dice
from src.benchmarks.world.people import COUNTRY_OF_CITY, SOUND_OF_PET, TOOL_OF_JOB, people

# What is true: (subject, relation) -> object.
Facts = Mapping[tuple[str, str], str]

STATEMENTS = {
    "friend": "The friend of {x} is {y}.",
    "parent": "The parent of {x} is {y}.",
    "city": "{x} lives in {y}.",
    "job": "{x} works as a {y}.",
    "pet": "The pet of {x} is a {y}.",
    "color": "{x} likes the color {y}.",
    "food": "{x} eats {y}.",
    "country": "{x} is a city in {y}.",
    "tool": "A {x} works with the {y}.",
    "sound": "A {x} says {y}.",
}
# How a question asks for its last relation. Here and below the commoner wordings come first.
QUESTIONS = {
    "friend": (
        "Who is the friend of {x}?",
        "Who is befriended by {x}?",
        "Name the friend of {x}.",
        "Whom does {x} call a friend?",
        "Whose company does {x} seek?",
        "Who is the closest companion of {x}?",
        "Which person would {x} confide in?",
        "Identify the chum of {x}.",
    ),
    "parent": (
        "Who is the parent of {x}?",
        "Who raised {x}?",
        "Name the parent of {x}.",
        "Whose child is {x}?",
        "From whom does {x} descend?",
        "Which person brought up {x}?",
        "By whom was {x} reared?",
        "Identify the progenitor of {x}.",
    ),
    "city": (
        "Where does {x} live?",
        "In which city does {x} live?",
        "Name the city of {x}.",
        "What is the home of {x}?",
        "Where would one visit {x}?",
        "Which town does {x} inhabit?",
        "In what place does {x} dwell?",
        "Identify the residence of {x}.",
    ),
    "job": (
        "What is the job of {x}?",
        "What does {x} work as?",
        "Name the job of {x}.",
        "How does {x} earn a living?",
        "Which trade does {x} follow?",
        "What does {x} do all day?",
        "In what profession is {x}?",
        "Identify the occupation of {x}.",
    ),
    "pet": (
        "What is the pet of {x}?",
        "Which animal does {x} keep?",
        "Name the pet of {x}.",
        "What animal lives with {x}?",
        "What does {x} feed and stroke?",
        "Which creature belongs to {x}?",
        "What kind of beast does {x} own?",
        "Identify the animal companion of {x}.",
    ),
    "color": (
        "Which color does {x} like?",
        "What color does {x} like best?",
        "Name the color of {x}.",
        "In which color would {x} paint a door?",
        "Which hue pleases {x}?",
        "What is the favorite color of {x}?",
        "Which tint does {x} prefer?",
        "Identify the shade dear to {x}.",
    ),
    "food": (
        "What does {x} eat?",
        "Which food does {x} eat?",
        "Name the food of {x}.",
        "What is on the plate of {x}?",
        "Which dish does {x} ask for?",
        "What would you cook for {x}?",
        "On what does {x} dine?",
        "Identify the diet of {x}.",
    ),
    "country": (
        "In which country is {x}?",
        "What is the country of {x}?",
        "Name the country around {x}.",
        "Which country holds {x}?",
        "To which land does {x} belong?",
        "Within whose borders lies {x}?",
        "What nation governs {x}?",
        "Identify the realm of {x}.",
    ),
    "tool": (
        "Which tool goes with {x}?",
        "What is the tool of {x}?",
        "Name the tool for {x}.",
        "What does one need for {x}?",
        "Which instrument serves {x}?",
        "With what is {x} done?",
        "What implement does {x} require?",
        "Identify the equipment for {x}.",
    ),
    "sound": (
        "What does {x} say?",
        "Which sound comes from {x}?",
        "Name the sound of {x}.",
        "What does one hear from {x}?",
        "How does {x} greet you?",
        "What noise is made by {x}?",
        "Which cry does {x} utter?",
        "Identify the call of {x}.",
    ),
}
# How a question names what its other relations lead to.
NOUNS = {
    "friend": (
        "the friend of {x}",
        "{x}'s friend",
        "the person befriended by {x}",
        "the companion of {x}",
        "{x}'s companion",
        "the one {x} calls a friend",
        "the confidant of {x}",
        "{x}'s chum",
    ),
    "parent": (
        "the parent of {x}",
        "{x}'s parent",
        "the person who raised {x}",
        "the one who brought up {x}",
        "{x}'s begetter",
        "the one {x} descends from",
        "the progenitor of {x}",
        "{x}'s forebear",
    ),
    "city": ("the city of {x}", "{x}'s city", "the home of {x}", "the town of {x}", "the residence of {x}"),
    "job": ("the job of {x}", "{x}'s job", "the work of {x}", "the trade of {x}", "the profession of {x}"),
    "pet": ("the pet of {x}", "{x}'s pet", "the animal of {x}", "the creature of {x}", "the beast owned by {x}"),
}
ONWARD = {"city": "country", "job": "tool", "pet": "sound"}
TO_PEOPLE = ("friend", "parent")


class Multihop(Benchmark):
    """Procedural questions about the world's people; `answer` ends in a line `#### <answer>`, as in GSM8K.

    No question of the test set, told as its start and its relations, is in the pool in any wording. Every
    number of hops has the same share of both. Scored by exact match, with the part `f1`.
    """

    pool_size: int = Field(gt=0)
    test_size: int = Field(gt=0)
    min_hops: int = Field(ge=1)
    max_hops: int = Field(le=4)
    seed: int = Field(ge=0, description="another seed is another pool and another test set")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_hops > self.max_hops:
            raise ValueError(f"min_hops ({self.min_hops}) is above max_hops ({self.max_hops})")
        kinds = self.max_hops - self.min_hops + 1
        if self.test_size > 200 * kinds or self.pool_size > 4000 * kinds:
            raise ValueError(
                f"the world gives at most {200 * kinds} test items and {4000 * kinds} pool examples for {kinds} numbers"
                f" of hops; test_size is {self.test_size} and pool_size {self.pool_size}"
            )
        return self

    def pool(self) -> list[Example]:
        return list(_draw(self.seed, self.pool_size, self.test_size, self.min_hops, self.max_hops)[0])

    def test(self) -> list[Example]:
        return list(_draw(self.seed, self.pool_size, self.test_size, self.min_hops, self.max_hops)[1])

    def score(self, example: Example, completion: str) -> Verdict:
        return judge_text([example.gold], completion)


@cache
def world_facts() -> Facts:
    """What pretraining taught of people, cities, jobs and pets."""
    facts: dict[tuple[str, str], str] = {}
    for person in people().values():
        for relation in ("friend", "city", "job", "pet", "color", "food"):
            facts[person.name, relation] = getattr(person, relation)
        if person.parent is not None:
            facts[person.name, "parent"] = person.parent
    for relation, table in (("country", COUNTRY_OF_CITY), ("tool", TOOL_OF_JOB), ("sound", SOUND_OF_PET)):
        facts.update({(subject, relation): target for subject, target in table.items()})
    return facts


def walk(facts: Facts, start: str, relations: Sequence[str]) -> list[tuple[str, str, str]] | None:
    """The facts (subject, relation, object) from `start` along `relations`, or None where they lead nowhere or back."""
    path = []
    met = {start}
    for relation in relations:
        target = facts.get((start, relation))
        if target is None or target in met:
            return None
        path.append((start, relation, target))
        met.add(target)
        start = target
    return path


def chains(hops: int) -> list[tuple[str, ...]]:
    """Every sequence of so many relations that starts at a person."""
    if hops == 1:
        return [(relation,) for relation in QUESTIONS if relation not in ONWARD.values()]
    onward = list(ONWARD.items()) if hops == 2 else []
    return [*onward, *((relation, *rest) for relation in TO_PEOPLE for rest in chains(hops - 1))]


def worked(path: Sequence[tuple[str, str, str]]) -> str:
    """The facts one a line, then the final answer."""
    lines = [STATEMENTS[relation].format(x=subject, y=target) for subject, relation, target in path]
    return "\n".join([*lines, f"#### {path[-1][2]}"])


def question(start: str, relations: Sequence[str], dice: Dice, exponent: float) -> str:
    """A wording of the question; with a low `exponent`, rare words are about as likely as common ones."""
    subject = start
    for relation in relations[:-1]:
        # "the one who raised Bobin's friend" could be read in two ways: only a bare name, or one with a possessive,
        # may stand before the end of a phrase.
        wordings = [noun for noun in NOUNS[relation] if noun.endswith("{x}") or "the " not in subject]
        subject = dice.zipf(wordings, exponent).format(x=subject)
    return dice.zipf(QUESTIONS[relations[-1]], exponent).format(x=subject)


def worked_example(path: Sequence[tuple[str, str, str]], dice: Dice) -> Example:
    """The question that `path` answers, in words that get rarer with its hops, and the worked answer."""
    relations = [relation for _, relation, _ in path]
    prompt = question(path[0][0], relations, dice, exponent=1.5 - 0.3 * len(path))
    return Example(prompt=prompt, answer=worked(path), gold=path[-1][2])


@cache
def _draw(seed: int, pool_size: int, test_size: int, low: int, high: int) -> tuple[tuple[Example, ...], ...]:
    """Pool and test set."""
    dice = Dice(f"multihop {seed}")
    unseen = [_shuffled_paths(dice, hops) for hops in range(low, high + 1)]
    test = [worked_example(unseen[index % len(unseen)].pop(), dice) for index in range(test_size)]
    pool: dict[str, Example] = {}
    while len(pool) < pool_size:
        example = worked_example(dice.choice(unseen[len(pool) % len(unseen)]), dice)
        pool.setdefault(example.prompt, example)
    return tuple(pool.values()), tuple(test)


def _shuffled_paths(dice: Dice, hops: int) -> list[list[tuple[str, str, str]]]:
    facts = world_facts()
    paths = [walk(facts, name, relations) for name in people() for relations in chains(hops)]
    possible = [path for path in paths if path is not None]
    return dice.sample(possible, len(possible))
