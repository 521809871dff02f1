import re
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from src.benchmarks.multihop import NOUNS, QUESTIONS, Multihop
from src.benchmarks.world.people import (
    COUNTRY_OF_CITY,
    SOUND_OF_PET,
    TOOL_OF_JOB,
    general_statements,
    people,
    statements,
)

CONFIG = Path(__file__).parents[2] / "conf/benchmark/multihop.yaml"
Reading = tuple[str, tuple[str, ...]]


def multihop(**changes: int) -> Multihop:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.multihop.Multihop"
    return Multihop(**{**fields, **changes})


def readings(prompt: str) -> set[Reading]:
    """Every (start, relations) that the text can mean, by the wordings alone."""
    return {
        (start, (*relations, relation))
        for relation, wordings in QUESTIONS.items()
        for inner in _inside(wordings, prompt)
        for start, relations in _noun_readings(inner)
    }


def _noun_readings(text: str) -> set[Reading]:
    if text in people():
        return {(text, ())}
    return {
        (start, (*relations, relation))
        for relation, wordings in NOUNS.items()
        for inner in _inside(wordings, text)
        for start, relations in _noun_readings(inner)
    }


def _inside(wordings: tuple[str, ...], text: str) -> list[str]:
    found = []
    for wording in wordings:
        # "the parent of Bobin's friend" is the parent of that friend: a possessive belongs to the name before it.
        subject = "((?!the ).+)" if wording.startswith("{x}'s") else "(.+)"
        match = re.fullmatch(re.escape(wording).replace(r"\{x\}", subject), text)
        found += [match[1]] if match else []
    return found


def solve(start: str, relations: tuple[str, ...]) -> str:
    """From the world's ground truth, without the benchmark."""
    tables = {"country": COUNTRY_OF_CITY, "tool": TOOL_OF_JOB, "sound": SOUND_OF_PET}
    for relation in relations:
        start = tables[relation][start] if relation in tables else getattr(people()[start], relation)
    return start


def test_sizes_and_shares_of_the_shipped_config() -> None:
    benchmark = multihop()
    pool, test = benchmark.pool(), benchmark.test()
    assert (len(pool), len(test)) == (12_000, 300)
    assert len({example.prompt for example in pool + test}) == 12_300
    assert Counter(example.answer.count("\n") for example in pool) == dict.fromkeys((1, 2, 3, 4), 3000)
    assert Counter(example.answer.count("\n") for example in test) == dict.fromkeys((1, 2, 3, 4), 75)


def test_a_solver_that_knows_the_world_is_always_right_and_every_question_has_one_reading() -> None:
    benchmark = multihop()
    for example in benchmark.test() + benchmark.pool()[:2000]:
        (reading,) = readings(example.prompt)
        assert benchmark.score(example, f"#### {solve(*reading)}").score == 1.0


def test_no_test_question_is_in_the_pool_in_other_words() -> None:
    benchmark = multihop()
    asked = {reading for example in benchmark.test() for reading in readings(example.prompt)}
    trained = {reading for example in benchmark.pool() for reading in readings(example.prompt)}
    assert len(asked) == 300
    assert asked.isdisjoint(trained)


def test_worked_answers_are_in_the_words_of_pretraining_and_lead_to_the_gold_answer() -> None:
    known = {sentence for person in people().values() for sentence in statements(person)} | set(general_statements())
    benchmark = multihop()
    for example in benchmark.test():
        *lines, final = example.answer.split("\n")
        assert set(lines) <= known
        assert final == f"#### {example.gold}"
        assert benchmark.score(example, example.answer).score == 1.0
        assert benchmark.score(example, "\n".join(lines)).error == "format"
        assert benchmark.score(example, "#### nothing").error == "reasoning"


def test_the_chance_level_is_low() -> None:
    assert 0.0 < multihop().chance() < 0.05


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), hops=st.integers(1, 4))
def test_any_number_of_hops_alone(seed: int, hops: int) -> None:
    benchmark = multihop(pool_size=50, test_size=5, min_hops=hops, max_hops=hops, seed=seed)
    assert {len(relations) for example in benchmark.pool() for _, relations in readings(example.prompt)} == {hops}
    assert benchmark.pool() == benchmark.pool()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_hops"):
        multihop(min_hops=3, max_hops=2)
    with pytest.raises(ValidationError, match=r"at most 200 test items and 4000 pool examples for 1 numbers of hops"):
        multihop(max_hops=1)
    assert len(multihop(min_hops=1, max_hops=1, pool_size=4000, test_size=200).pool()) == 4000


def test_the_questions_are_the_same_on_every_platform() -> None:
    # Written down once. A change here is another benchmark: curves measured before it do not compare.
    benchmark = multihop(pool_size=1000, test_size=100)
    text = "\n".join(f"{example.prompt}\n{example.answer}" for example in benchmark.test() + benchmark.pool())
    assert sha256(text.encode()).hexdigest() == "abfc5c038f5179be610a3a9c6952cdaa99569602dc1b6ee1a7b5fa71f3dd30e3"
