"""Instructions: write a list of words that meets one or more constraints, made procedurally and checked by rule.

The words come from a topic ("List 4 animals.") or from the prompt itself ("list : pear wolf lamp ."). Most
prompts have many right answers. After IFEval (Zhou et al. 2311.07911), with constraints that a tiny vocabulary can
meet: how many words, their order, case, length, a first and a last word, forbidden words, every word twice.
"""

from functools import cache
from typing import Self

from pydantic import Field, model_validator

from src.benchmarks.benchmark import Benchmark, Example, Verdict
from src.benchmarks.scoring.ifeval_loose import loose_variants
from src.benchmarks.scoring.word_list import Task, check, draw_task, prompt_of, solve
from src.benchmarks.world.dice import Dice


class Instructions(Benchmark):
    """Procedural word lists under constraints.

    The score is 1 where the words are the right ones and every constraint is met. An answer with none of the words
    that were asked for is a format error; otherwise the error is `reasoning` and its detail the first constraint that
    is missed, or `words` where all are met by wrong words. The parts are those of IFEval: `instruction_strict` and
    `instruction_loose` have one value a constraint, `prompt_loose` one an item.
    """

    pool_size: int = Field(gt=0)
    test_size: int = Field(gt=0)
    min_constraints: int = Field(ge=1)
    max_constraints: int = Field(le=4)
    seed: int = Field(ge=0, description="another seed is another pool and another test set")

    @model_validator(mode="after")
    def _constraints_in_order(self) -> Self:
        if self.min_constraints > self.max_constraints:
            raise ValueError(
                f"min_constraints ({self.min_constraints}) is above max_constraints ({self.max_constraints})"
            )
        return self

    def pool(self) -> list[Example]:
        test = frozenset(example.prompt for example in self.test())
        return list(_draw(f"instructions pool {self.seed}", self.pool_size, *self._bounds, test))

    def test(self) -> list[Example]:
        return list(_draw(f"instructions test {self.seed}", self.test_size, *self._bounds, frozenset()))

    def score(self, example: Example, completion: str) -> Verdict:
        task = Task.from_json(example.hidden)
        strict = check(task, completion)
        loose = [check(task, variant) for variant in loose_variants(completion)]
        parts = {
            "instruction_strict": [float(met) for met in strict.met],
            "instruction_loose": [float(any(tried)) for tried in zip(*(each.met for each in loose), strict=True)],
            "prompt_loose": [float(any(each.right for each in loose))],
        }
        if strict.right:
            return Verdict(1.0, completion.strip(), None, parts=parts)
        if not strict.words:
            return Verdict(0.0, None, "format", parts=parts)
        missed = [constraint.kind for constraint, met in zip(task.constraints, strict.met, strict=True) if not met]
        return Verdict(0.0, completion.strip(), "reasoning", detail=missed[0] if missed else "words", parts=parts)

    @property
    def _bounds(self) -> tuple[int, int]:
        return self.min_constraints, self.max_constraints


@cache
def _draw(seed: str, size: int, low: int, high: int, taken: frozenset[str]) -> tuple[Example, ...]:
    """`size` items with different prompts, none of them in `taken`."""
    dice = Dice(seed)
    drawn: dict[str, Example] = {}
    while len(drawn) < size:
        task = draw_task(dice, dice.between(low, high))
        prompt, answer = prompt_of(task, dice), solve(task, dice)
        if prompt not in taken:
            drawn.setdefault(prompt, Example(prompt, answer, gold=answer, hidden=task.to_json()))
    return tuple(drawn.values())
