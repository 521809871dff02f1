"""GSM8K: grade-school word problems with worked answers (Cobbe et al. 2110.14168)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from src.benchmarks.benchmark import BadData, Benchmark, Example, StandardPrompt, Verdict
from src.benchmarks.data.chains_of_thought import ARITHMETIC, asked_after
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.parquet_files import read_parquet
from src.benchmarks.scoring.number import final_number, judge

REPO = "openai/gsm8k"
_FILES = ("train.jsonl", "test.jsonl")
_CALCULATOR_NOTE = re.compile(r"<<[^<>]*>>")


class Gsm8k(Benchmark):
    """The train split (7,473) is the pool and the test split (1,319) the test set; scored by the number after `####`.

    `path` is a directory that holds train.jsonl and test.jsonl; null takes the data from the hub. `calculator_notes`
    are the `<<48/2=24>>` in the answers. They were written for a model that calls a calculator while it generates; no
    calculator runs here, so `strip` takes them out and leaves the worked text, and `keep` trains on them as they are.

    The standard prompt for a base is the 8-shot chain of thought of Wei et al. 2201.11903, with "The answer is" for the
    marker. `5_shot` is that of lm-evaluation-harness's task gsm8k, `Question: …` and `Answer: …` with the worked
    answers; the harness draws its five examples at random, these are the first five of the train split.
    """

    path: Path | None = None
    calculator_notes: Literal["keep", "strip"] = "strip"
    standard_prompt: Literal["8_shot_chain_of_thought", "5_shot"] = "8_shot_chain_of_thought"

    @field_validator("path")
    @classmethod
    def _holds_the_files(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        path = path.expanduser()
        missing = [name for name in _FILES if not (path / name).is_file()]
        if missing:
            raise ValueError(
                f"{path} has no {' and no '.join(missing)}; give the directory that holds {' and '.join(_FILES)}, "
                f"or null for {REPO} from the hub"
            )
        return path

    def pool(self) -> list[Example]:
        examples = self._examples("train")
        questions = {example.prompt for example in self._examples("test")}
        for number, example in enumerate(examples, start=1):
            if example.prompt in questions:
                raise BadData(f"gsm8k: question {number} of the train split is also in the test split; remove it.")
        return examples

    def test(self) -> list[Example]:
        return self._examples("test")

    def data_files(self) -> list[Path]:
        return [self.path / name for name in _FILES] if self.path else []

    def score(self, example: Example, completion: str) -> Verdict:
        return judge(example.gold, completion)

    def standard(self) -> StandardPrompt:
        marker = "The answer is" if self.standard_prompt == "8_shot_chain_of_thought" else "####"

        def score(examples: Sequence[Example], completions: Sequence[str]) -> list[Verdict]:
            return [judge(e.gold, text, marker) for e, text in zip(examples, completions, strict=True)]

        if self.standard_prompt == "8_shot_chain_of_thought":
            return StandardPrompt(lambda example: asked_after(ARITHMETIC, example.prompt), ("Q:",), score)
        shots = "".join(f"Question: {shot.prompt}\nAnswer: {shot.answer}\n\n" for shot in self._examples("train")[:5])
        return StandardPrompt(lambda example: f"{shots}Question: {example.prompt}\nAnswer:", ("Question:",), score)

    def _examples(self, split: str) -> list[Example]:
        if self.path is None:
            return [self._example(row, f"{REPO}, {split} split, row {i}") for i, row in enumerate(_hub_rows(split), 1)]
        file = self.path / f"{split}.jsonl"
        rows = read_jsonl(file, {"question": str, "answer": str})
        return [self._example(row, f"{file}, line {i}") for i, row in enumerate(rows, start=1)]

    def _example(self, row: dict[str, Any], place: str) -> Example:
        answer = row["answer"]
        gold = final_number(answer)
        if gold is None:
            raise BadData(f"{place}: the answer does not end in `#### <number>`.")
        if self.calculator_notes == "strip":
            answer = _CALCULATOR_NOTE.sub("", answer)
        return Example(prompt=row["question"], answer=answer, gold=gold)


def _hub_rows(split: str) -> Iterator[dict[str, Any]]:
    instead = f"Point benchmark.path at a local directory that holds {' and '.join(_FILES)}."
    return read_parquet(dataset_files(REPO, f"main/{split}-*.parquet", instead))
