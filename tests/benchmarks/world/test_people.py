from src.benchmarks.world.people import POPULATION, people, statements


def test_everybody_named_lives_in_the_world_and_comes_after_the_parent() -> None:
    inhabitants = people()
    assert len(inhabitants) == POPULATION
    met: set[str] = set()
    for name, person in inhabitants.items():
        assert person.parent is None or person.parent in met
        assert person.friend in inhabitants and person.friend != name
        met.add(name)
    assert any(person.parent is None for person in inhabitants.values())


def test_statements_tell_every_fact() -> None:
    for person in people().values():
        said = " ".join(statements(person))
        for value in (person.friend, person.city, person.job, person.pet, person.color, person.food):
            assert value in said
        assert person.parent is None or f"The parent of {person.name} is {person.parent}." in said
