"""IFEval: prompts with instructions whose following a rule can verify (Zhou et al. 2311.07911)."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from src.benchmarks.benchmark import BadData, Benchmark, Example, StandardPrompt, Verdict
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.instruction_pool import instruction_pool
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.user_files import OwnFile
from src.benchmarks.scoring.ifeval_kinds import follows, refuse
from src.benchmarks.scoring.ifeval_loose import loose_variants

REPO = "google/IFEval"
_REFUSAL = "I cannot do that."


class IfEval(Benchmark):
    """541 prompts with one to three instructions of 25 kinds (`ifeval_kinds.py`), and no reference answers.

    The score is the prompt-level strict accuracy: 1 where every instruction is followed. The parts are
    `instruction_strict` and `instruction_loose`, one value an instruction, and `prompt_loose`, one an item. An empty
    response is a format error; otherwise the error is `reasoning` and its detail the first kind that is not followed.

    IFEval brings no training data: the pool are instructions from elsewhere (`instruction_pool.py`).
    """

    path: OwnFile | None = Field(description="input_data.jsonl; null: google/IFEval")
    pool_file: OwnFile | None = Field(description="JSON Lines in one of the forms of instruction_pool.py")
    pool_repo: str | None = Field(
        description="a data set on the hub in one of these forms, where there is no pool_file"
    )
    pool_pattern: str = Field(description="the files of pool_repo, JSON Lines or parquet")

    def pool(self) -> list[Example]:
        return instruction_pool(self.pool_file, self.pool_repo, self.pool_pattern)

    def test(self) -> list[Example]:
        files = (
            [self.path] if self.path else dataset_files(REPO, "*.jsonl", "Point benchmark.path at input_data.jsonl.")
        )
        fields = {"prompt": str, "instruction_id_list": list, "kwargs": list}
        return [_example(row, f"{f}, line {i}") for f in files for i, row in enumerate(read_jsonl(f, fields), start=1)]

    def data_files(self) -> list[Path]:
        return [file for file in (self.path, self.pool_file) if file is not None]

    def score(self, example: Example, completion: str) -> Verdict:
        instructions = json.loads(example.hidden)
        variants = loose_variants(completion)
        strict = [follows(kind, arguments, completion) for kind, arguments in instructions]
        loose = [any(follows(kind, arguments, text) for text in variants) for kind, arguments in instructions]
        parts = {
            "instruction_strict": [float(met) for met in strict],
            "instruction_loose": [float(met) for met in loose],
            "prompt_loose": [float(all(loose))],
        }
        if all(strict):
            return Verdict(1.0, completion.strip(), None, parts=parts)
        if not completion.strip():
            return Verdict(0.0, None, "format", parts=parts)
        missed = next(kind for (kind, _), met in zip(instructions, strict, strict=True) if not met)
        return Verdict(0.0, completion.strip(), "reasoning", detail=missed, parts=parts)

    def standard(self) -> StandardPrompt:
        """The prompts as they are: no form around them, no shot, no stop (as lm-evaluation-harness asks)."""
        return StandardPrompt(lambda example: example.prompt, (), self.score_all)

    def chance(self) -> float:
        """The accuracy of one refusal given to every prompt: "no comma", say, is followed by anything short."""
        test = self.test()[: self.test_limit]
        return sum(self.score(example, _REFUSAL).score for example in test) / len(test)


def _example(row: dict[str, Any], place: str) -> Example:
    kinds, arguments = row["instruction_id_list"], row["kwargs"]
    if not kinds or len(kinds) != len(arguments):
        raise BadData(
            f"{place}: {len(kinds)} instructions and {len(arguments)} kwargs; each instruction needs its own."
        )
    # The hub's copy has every argument of every kind, most of them null.
    given = [{name: value for name, value in each.items() if value is not None} for each in arguments]
    for kind, each in zip(kinds, given, strict=True):
        if complaint := refuse(kind, each):
            raise BadData(f"{place}: {complaint}.")
    return Example(row["prompt"], answer="", gold="", hidden=json.dumps(list(zip(kinds, given, strict=True))))
