"""People and towns that pretraining never mentions: what a benchmark of new knowledge teaches and asks."""

# ruff: noqa: SIM905 (a sentence of words reads better than a column of strings)

from functools import cache
from typing import Literal

from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice

POPULATION = {"asked": 100, "others": 60}
TOWNS = {
    "asked": tuple(
        (
            "Aldmouth Brackwell Crewmere Dunhollow Elmgate Farnhold Grimstow Hexfold Inverlow Jarrowby Keswold Ludmoor "
            "Marlock Northwyke Oakhurn Pendrith Quornay Ripwell Skelmere Thirlby"
        ).split()
    ),
    "others": tuple("Ulverby Ventmoor Whitfold Yarrowick Ashgate Buxmere Clithold Dorkwell Epwyke Frombury".split()),
}


@cache
def stranger_facts(group: Literal["asked", "others"]) -> dict[tuple[str, str], str]:
    """What is true of one group's people and towns: (subject, relation) -> object.

    Each person has a friend of the same group, a town of the group's own, and a job, a pet, a color and a food that
    the world knows. Each town lies in a country of the world.
    """
    dice = Dice(f"strangers {group}")
    names = _names()[group]
    towns = TOWNS[group]
    facts = {}
    for name in names:
        facts[name, "friend"] = dice.choice([other for other in names if other != name])
        facts[name, "city"] = dice.choice(towns)
        facts[name, "job"] = dice.choice(words.JOBS)
        facts[name, "pet"] = dice.choice(words.PETS)
        facts[name, "color"] = dice.choice(words.COLORS)
        facts[name, "food"] = dice.choice(words.FOODS)
    for town in towns:
        facts[town, "country"] = dice.choice(words.COUNTRIES)
    return facts


@cache
def _names() -> dict[str, list[str]]:
    heads = ("Al", "Bri", "Cy", "Del", "Er", "Fin", "Gri", "Hol", "Ir", "Kel", "Lan", "Mor", "Or", "Que", "Sil", "Tor")
    tails = ("wyn", "ric", "dra", "gus", "lia", "mond", "nox", "tos", "vel", "zar")
    drawn = Dice("strangers' names").sample([head + tail for head in heads for tail in tails], 160)
    return {"asked": drawn[: POPULATION["asked"]], "others": drawn[POPULATION["asked"] :]}
