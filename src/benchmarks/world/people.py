"""Who lives in the world and what is true of them: data with a ground truth, the same for every seed of the corpus."""

from dataclasses import dataclass
from functools import cache

from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice

POPULATION = 120

COUNTRY_OF_CITY = {city: words.COUNTRIES[i % len(words.COUNTRIES)] for i, city in enumerate(words.CITIES)}
TOOL_OF_JOB = dict(zip(words.JOBS, words.TOOLS, strict=True))
SOUND_OF_PET = dict(zip(words.PETS, words.SOUNDS, strict=True))


@dataclass(frozen=True)
class Person:
    """One inhabitant. `parent` and `friend` are names of other inhabitants; the founders have no parent."""

    name: str
    parent: str | None
    friend: str
    city: str
    job: str
    pet: str
    color: str
    food: str


@cache
def people() -> dict[str, Person]:
    """All inhabitants by name, parents before their children."""
    dice = Dice("the world's people")
    names = _names(dice)
    founders = POPULATION // 4
    inhabitants = {}
    for index, name in enumerate(names):
        inhabitants[name] = Person(
            name=name,
            parent=None if index < founders else names[dice.between(0, index - 1)],
            friend=dice.choice([other for other in names if other != name]),
            city=dice.choice(words.CITIES),
            job=dice.choice(words.JOBS),
            pet=dice.choice(words.PETS),
            color=dice.choice(words.COLORS),
            food=dice.choice(words.FOODS),
        )
    return inhabitants


def statements(person: Person) -> list[str]:
    """Everything that is true of a person, one sentence each."""
    said = [
        f"{person.name} lives in {person.city}.",
        f"{person.name} works as a {person.job}.",
        f"The pet of {person.name} is a {person.pet}.",
        f"{person.name} likes the color {person.color}.",
        f"{person.name} eats {person.food}.",
        f"The friend of {person.name} is {person.friend}.",
    ]
    if person.parent is not None:
        said.append(f"The parent of {person.name} is {person.parent}.")
    return said


def general_statements() -> list[str]:
    """What is true of cities, jobs and pets, one sentence each."""
    return [
        *(f"{city} is a city in {country}." for city, country in COUNTRY_OF_CITY.items()),
        *(f"A {job} works with the {tool}." for job, tool in TOOL_OF_JOB.items()),
        *(f"A {pet} says {sound}." for pet, sound in SOUND_OF_PET.items()),
    ]


def _names(dice: Dice) -> list[str]:
    # Made-up names, so that no inhabitant is met in the stories about piles.
    heads = ("Bo", "Da", "Fe", "Ga", "Ha", "Ju", "Ka", "Lo", "Mi", "No", "Pe", "Ra", "So", "Ta", "Vi", "Zu")
    tails = ("bin", "dor", "fan", "lek", "mar", "nis", "rol", "sev", "tam", "vik")
    return dice.sample([head + tail for head in heads for tail in tails], POPULATION)
