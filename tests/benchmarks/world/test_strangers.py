import re
from itertools import islice

from src.benchmarks.world import words
from src.benchmarks.world.corpus import corpus
from src.benchmarks.world.people import general_statements, people, statements
from src.benchmarks.world.strangers import POPULATION, TOWNS, stranger_facts


def strangers(group: str) -> set[str]:
    return {subject for subject, _ in stranger_facts(group)}


def test_no_name_occurs_in_the_pretraining_world() -> None:
    known = {word.lower() for value in vars(words).values() if isinstance(value, tuple | str) for word in _words(value)}
    known |= {word.lower() for person in people().values() for text in statements(person) for word in _words(text)}
    known |= {word.lower() for text in general_statements() for word in _words(text)}
    known |= {word.lower() for text in islice(corpus(0), 5000) for word in _words(text)}
    assert "bobin" in known and "lund" in known
    for group in ("asked", "others"):
        assert known.isdisjoint(name.lower() for name in strangers(group))


def _words(text: str | tuple[str, ...]) -> list[str]:
    return re.findall(r"\w+", text if isinstance(text, str) else " ".join(text))


def test_the_two_groups_know_nothing_of_each_other() -> None:
    asked, others = stranger_facts("asked"), stranger_facts("others")
    assert strangers("asked").isdisjoint(strangers("others"))
    assert (len(asked), len(others)) == (620, 370)
    for group, facts in (("asked", asked), ("others", others)):
        assert len({subject for subject, relation in facts if relation == "friend"}) == POPULATION[group]
        for (subject, relation), target in facts.items():
            assert target != subject
            if relation == "friend":
                assert (target, "friend") in facts
            if relation == "city":
                assert target in TOWNS[group] and (target, "country") in facts
