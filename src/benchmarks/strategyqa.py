"""StrategyQA: yes/no questions whose steps are implied, with facts and decomposition (Geva et al. 2101.02235)."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, StrictBool, TypeAdapter, ValidationError, field_validator

from src.benchmarks.benchmark import BadData, Benchmark, Example, StandardPrompt, Verdict
from src.benchmarks.data.chains_of_thought import YES_NO, asked_after
from src.benchmarks.scoring.text_answer import judge_yes_no


class StrategyQa(Benchmark):
    """The train split (2,061) is the pool and the dev split (229) the test set; scored by yes or no after `####`.

    The worked answer is the decomposition's sub-questions, then the facts that answer them. `path` is the directory
    that holds train.json and dev.json.

    The standard prompt for a base is the 6-shot chain of thought of Wei et al. 2201.11903, with "answer is" for the
    marker.
    """

    path: Path

    @field_validator("path")
    @classmethod
    def _holds_the_files(cls, path: Path) -> Path:
        path = path.expanduser()
        if not ((path / "train.json").is_file() and (path / "dev.json").is_file()):
            raise ValueError(f"{path} has no train.json or no dev.json; give the directory that holds both")
        return path

    def pool(self) -> list[Example]:
        return _examples(self.path / "train.json")

    def test(self) -> list[Example]:
        return _examples(self.path / "dev.json")

    def data_files(self) -> list[Path]:
        return [self.path / "train.json", self.path / "dev.json"]

    def score(self, example: Example, completion: str) -> Verdict:
        return judge_yes_no(example.gold, completion)

    def standard(self) -> StandardPrompt:
        def score(examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
            return [judge_yes_no(e.gold, text, "answer is") for e, text in zip(examples, completions, strict=True)]

        return StandardPrompt(lambda example: asked_after(YES_NO, example.prompt), ("Q:",), score)


class _Item(BaseModel):
    question: str
    answer: StrictBool
    decomposition: list[str]
    facts: list[str]


def _examples(file: Path) -> list[Example]:
    try:
        items = TypeAdapter(list[_Item]).validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadData(f"{file}, {place or 'as a whole'} (items counted from 0): {first['msg']}.") from error
    golds = ["yes" if item.answer else "no" for item in items]
    chains = ["\n".join([*item.decomposition, *item.facts]) for item in items]
    return [Example(i.question, f"{c}\n#### {g}", g) for i, c, g in zip(items, chains, golds, strict=True)]
