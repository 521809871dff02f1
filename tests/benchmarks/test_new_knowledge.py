from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from src.benchmarks.multihop import Multihop
from src.benchmarks.new_knowledge import NewKnowledge
from src.benchmarks.world.people import SOUND_OF_PET, TOOL_OF_JOB, people
from src.benchmarks.world.strangers import stranger_facts

CONFIG = Path(__file__).parents[2] / "conf/benchmark/new_knowledge.yaml"
CONDITIONS: list[dict[str, Any]] = [{"taught_as": "qa"}, {"taught_as": "documents"}, {"given": "prompt"}]


def new_knowledge(**changes: Any) -> NewKnowledge:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.new_knowledge.NewKnowledge"
    return NewKnowledge(**{**fields, **changes})


def subjects(group: str) -> set[str]:
    return {subject for subject, _ in stranger_facts(group)}


def mentions(text: str, names: set[str]) -> set[str]:
    return names & set(text.replace("'s", "").replace(".", "").replace("?", "").split())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_sizes_disjointness_and_references(condition: dict[str, Any]) -> None:
    benchmark = new_knowledge(**condition)
    pool, test = benchmark.pool(), benchmark.test()
    assert (len(pool), len(test)) == (5000, 300)
    assert len({(example.prompt, example.answer) for example in pool}) == 5000
    assert len({example.prompt for example in test}) == 300
    assert {example.prompt for example in pool}.isdisjoint(example.prompt for example in test)
    assert pool == benchmark.pool() and test == benchmark.test()
    for example in test:
        part = "direct" if example.answer.count("\n") == 1 else "multihop"
        right = benchmark.score(example, example.answer)
        assert (right.score, right.parts) == (1.0, {"f1": [1.0], part: [1.0]})
        wrong = benchmark.score(example, "#### nothing")
        assert (wrong.score, wrong.error, wrong.parts[part]) == (0.0, "reasoning", [0.0])
        assert benchmark.score(example, example.answer.partition("####")[0]).error == "format"
    assert Counter(example.answer.count("\n") for example in test) == {1: 150, 2: 150}
    assert 0.0 < benchmark.chance() < 0.05


def test_a_solver_that_knows_strangers_and_world_is_always_right() -> None:
    benchmark = new_knowledge()
    true = {
        *((x, y) for (x, _), y in stranger_facts("asked").items()),
        *TOOL_OF_JOB.items(),
        *SOUND_OF_PET.items(),
    }
    second = Counter()
    for example in benchmark.test():
        *lines, _ = example.answer.split("\n")
        (start,) = mentions(example.prompt, subjects("asked"))
        for line in lines:
            (target,) = {y for x, y in true if x == start and y in line.removesuffix(".").split()}
            start = target
        assert benchmark.score(example, f"#### {start}").score == 1.0
        if len(lines) == 2:
            second["world" if (start in TOOL_OF_JOB.values() or start in SOUND_OF_PET.values()) else "stranger"] += 1
    assert min(second.values()) > 20


@pytest.mark.parametrize("taught_as", ["qa", "documents"])
def test_what_is_taught(taught_as: str) -> None:
    benchmark = new_knowledge(taught_as=taught_as)
    strangers, world = subjects("asked"), set(people())
    taught = [example for example in benchmark.pool() if mentions(example.prompt, strangers)]
    shown = [example for example in benchmark.pool() if mentions(example.prompt, world)]
    assert (len(taught), len(shown)) == (3750, 1250)
    # A whole pool leaves no fact untaught, and holds no two facts of a stranger in one example.
    stated = {
        (x, y)
        for example in taught
        for x in mentions(example.prompt, strangers)
        for (subject, _), y in stranger_facts("asked").items()
        if subject == x and y == example.gold
    }
    assert stated == {(x, y) for (x, _), y in stranger_facts("asked").items()}
    assert all(example.answer.count("\n") == (1 if taught_as == "qa" else 0) for example in taught)
    assert all(("####" in example.answer) == (taught_as == "qa") for example in taught)
    assert not any(mentions(example.prompt + example.answer, strangers) for example in shown)
    assert {example.answer.count("\n") for example in shown} == {1, 2}
    multihop = yaml.safe_load((CONFIG.parent / "multihop.yaml").read_text())
    del multihop["_target_"]
    asked = {example.answer for example in Multihop(**multihop).test()}
    assert asked.isdisjoint(example.answer for example in shown)


def test_given_in_the_prompt_the_same_questions_follow_the_facts_that_they_need() -> None:
    none, prompt = new_knowledge(), new_knowledge(given="prompt")
    for bare, told in zip(none.test(), prompt.test(), strict=True):
        assert told.prompt.endswith(f" {bare.prompt}")
        assert (told.answer, told.gold) == (bare.answer, bare.gold)
        facts = told.prompt.removesuffix(bare.prompt)
        lines = bare.answer.split("\n")[:-1]
        assert all(f"{line} " in facts for line in lines)
        assert facts.count(".") == len(lines) + 3
    assert not any(mentions(e.prompt + e.answer, subjects("asked")) for e in prompt.pool())


def test_more_than_the_wordings_give_is_refused() -> None:
    with pytest.raises(ValidationError, match="is 5000; the wordings give 4500 at most"):
        new_knowledge(format_share=0)
    with pytest.raises(ValidationError, match="is 9000; it may be 6000 at most"):
        new_knowledge(pool_size=10_000, format_share=0.9)
    assert len(new_knowledge(pool_size=4500, format_share=0, test_size=600).pool()) == 4500


def test_the_questions_are_the_same_on_every_platform() -> None:
    # Written down once. A change here is another benchmark: curves measured before it do not compare.
    def digest(**condition: Any) -> str:
        benchmark = new_knowledge(**condition, pool_size=500, test_size=50)
        text = "\n".join(f"{example.prompt}\n{example.answer}" for example in benchmark.test() + benchmark.pool())
        return sha256(text.encode()).hexdigest()[:16]

    assert [digest(**condition) for condition in CONDITIONS] == [
        "062fbe317b4d7254",
        "10355bc87d4df8a7",
        "82dfb454f33e457a",
    ]
