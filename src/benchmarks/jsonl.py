"""Bring your own: two files (JSON Lines or JSON arrays) and the name of a scorer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from src.benchmarks.benchmark import BadData, Benchmark, Example, Verdict
from src.benchmarks.data.jsonl_files import read_rows
from src.benchmarks.data.user_files import OwnFile, Placed, refuse_shared_prompts
from src.benchmarks.scoring.scorers import NEEDED, gold_and_hidden, own_source, scorer_named

Part = Literal["prompt", "answer", "gold", "tests"]


class Jsonl(Benchmark):
    """Rows with a prompt, a reference answer (optional in `test`) and what the scorer wants (`scorers.py`)."""

    train: OwnFile
    test_file: OwnFile = Field(alias="test")  # the name `test` is taken by the method
    fields: dict[Part, str] = Field(description="what the rows call them")
    sandbox: Literal["bubblewrap", "limits_only"]
    scorer: str

    @field_validator("scorer")
    @classmethod
    def _exists(cls, scorer: str, others: ValidationInfo) -> str:
        scorer_named(scorer, others.data.get("sandbox", "bubblewrap"))
        return scorer

    def pool(self) -> list[Example]:
        return refuse_shared_prompts(self._examples(self.train, "answer"), self._test(), self.test_file)

    def test(self) -> list[Example]:
        return [example for _, example in self._test()]

    def data_files(self) -> list[Path]:
        return [self.train, self.test_file, *own_source(self.scorer)]

    def score(self, example: Example, completion: str) -> Verdict:
        return self.score_all([example], [completion])[0]

    def score_all(self, examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
        return scorer_named(self.scorer, self.sandbox)(examples, completions)

    def _test(self) -> list[Placed]:
        return self._examples(self.test_file, NEEDED.get(self.scorer, "prompt"))

    def _examples(self, file: Path, needed: Part) -> list[Placed]:
        rows = read_rows(file, {self.fields[needed]: object, self.fields["prompt"]: str})
        return [(place, self._example(row, needed, place)) for place, row in rows]

    def _example(self, row: dict[str, Any], needed: Part, place: str) -> Example:
        has: dict[Part, Any] = {part: row.get(self.fields[part]) for part in get_args(Part)}
        answer = "" if has["answer"] is None else str(has["answer"])
        try:
            if has[needed] in (None, "", []):
                raise ValueError(f"the field {self.fields[needed]!r} is empty")
            return Example(has["prompt"], answer, *gold_and_hidden(self.scorer, has["gold"], has["tests"], answer))
        except ValueError as error:
            raise BadData(f"{place}: {error}.") from error
