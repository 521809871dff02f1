"""The Benchmark protocol: one capability made objective.

A benchmark is a pydantic model whose fields are its Hydra config (`conf/benchmark/<name>.yaml` names the class as
`_target_`), so that a wrong or unknown key is refused before anything heavy is imported. Benchmarks know nothing of
torch, MLflow or the model: text in, text out.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from src.errors import FathomError


class BadData(FathomError):
    """A data file is missing or malformed; the message says which file, which line, and what to do."""


@dataclass(frozen=True)
class Example:
    """One question and its reference answer.

    `prompt` is what the model is shown, without any chat markup; `answer` is the text it should produce, worked steps
    included, and empty for a test item that has no reference; `gold` is the final answer that scoring compares with;
    `hidden` is whatever else the scorer needs, as text that the model never sees: unit tests, the arguments of an
    instruction, further accepted answers.
    """

    prompt: str
    answer: str
    gold: str
    hidden: str = ""


@dataclass(frozen=True)
class Verdict:
    """What scoring one completion gave.

    `score` lies in [0, 1]; `extracted` is the answer found in the completion (None where there is none); `error` is
    None for a right answer, `format` where no answer could be extracted, `reasoning` where one could but is wrong;
    `detail` names the error more finely where a benchmark can (`syntax`, `timeout`, …). `parts` are further scores by
    name: each is averaged over all its values in the test set, so that an item may bring several or none. `lenient` is
    the verdict on a completion with a format error whose answer can be found without the format; None: as it is.
    """

    score: float
    extracted: str | None
    error: Literal["format", "reasoning"] | None
    detail: str | None = None
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lenient: "Verdict | None" = None


@dataclass(frozen=True)
class StandardPrompt:
    """The prompt with which the field asks a base: what is published of a model can be put beside this score.

    `ask` makes a test item's whole prompt, shots included. A completion ends before the first of `stops`; `score`
    judges completions that are cut so.
    """

    ask: Callable[[Example], str]
    stops: tuple[str, ...]
    score: Callable[[Sequence[Example], Sequence[str]], list[Verdict]]

    def own(self, completion: str) -> str:
        return up_to_first(self.stops, completion)


def up_to_first(stops: Sequence[str], completion: str) -> str:
    """The completion up to the first of the stops."""
    return min((completion.partition(stop)[0] for stop in stops), key=len, default=completion)


class Benchmark(BaseModel, ABC):
    """A pool of training examples, a test set, and a scorer.

    Both lists are the same on every call and every platform. `pool()` is in no particular order: the n examples of a
    point are drawn from it by the ranking in `src/benchmarks/data/nested_subset.py`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    max_new_tokens: int = Field(gt=0, description="longest completion that evaluation generates, in tokens")
    test_limit: int | None = Field(default=None, gt=0, description="evaluate on the first so many test items only")

    def __hash__(self) -> int:
        """Pools and test sets are kept by benchmark, and some have fields that are mappings."""
        return hash(self.model_dump_json())

    @abstractmethod
    def pool(self) -> list[Example]:
        """All training examples. Raises BadData."""

    @abstractmethod
    def test(self) -> list[Example]:
        """All test items, disjoint from the pool. Raises BadData."""

    def data_files(self) -> list[Path]:
        """The files that pool and test are read from; a changed byte in one of them makes another run key."""
        return []

    @abstractmethod
    def score(self, example: Example, completion: str) -> Verdict:
        """Judge one completion (the text after the prompt, up to the end-of-answer token)."""

    def score_all(self, examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
        """A verdict for each completion; to be overridden where many are judged at once, in parallel."""
        return [self.score(example, text) for example, text in zip(examples, completions, strict=True)]

    @property
    def stops(self) -> tuple[str, ...]:
        """Without one of these in it, a completion is all the model's own: generation looks at it where one comes."""
        return ()

    def own(self, completion: str) -> str:
        """What of a completion is scored. What it leaves out stays out however the completion goes on."""
        return completion

    def standard(self) -> StandardPrompt | None:
        """How the field asks a base on this benchmark, or None where no way is usual. Raises BadData."""
        return None

    def chance(self) -> float:
        """The accuracy of one answer given to every test item: the one whose gold is the pool's commonest.

        Ties go to the alphabetically first.
        """
        pool = self.pool()
        counts = Counter(example.gold for example in pool)
        if not counts:
            return 0.0
        gold = min(counts, key=lambda g: (-counts[g], g))
        guess = min(example.answer for example in pool if example.gold == gold)
        test = self.test()[: self.test_limit]
        return sum(verdict.score for verdict in self.score_all(test, [guess] * len(test))) / len(test)
