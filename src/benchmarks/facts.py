"""Events of the user's own that a model cannot know: taught by finetuning or given in the prompt, then asked about.

After Facts100 (Raghavendra et al. 2410.03717), which is not published. A line of the file:

    {"title": "the Lund tram strike", "event": "On 3 May 2031 the tram drivers of Lund went on strike …",
     "taught": [{"question": "Who went on strike in Lund in 2031?", "answer": "the tram drivers"}],
     "direct": [{"question": "When did the tram drivers of Lund strike?", "answer": ["3 May 2031", "May 3, 2031"]}],
     "multihop": [{"question": "In which country did tram drivers strike on 3 May 2031?", "answer": "Sweden"}]}

An answer is a text or a list of accepted ones. `title` is optional, and `taught` is needed for `taught_as: qa` only.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from src.benchmarks.benchmark import BadData, Benchmark, Example, Verdict
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.user_files import OwnFile
from src.benchmarks.new_knowledge import asked_example, judge_knowledge
from src.benchmarks.scoring.text_answer import final_answer
from src.benchmarks.world.dice import Dice


class Facts(Benchmark):
    """All direct and multihop questions of the file, with a score each (parts `direct` and `multihop`) and together.

    Taught as `documents`, the pool has one example an event: its text, after "Tell me about <title>." or, without a
    title, "Tell me about an event." Taught as `qa`, the pool has the questions under `taught`, which must be others
    than those asked. With `given: prompt` the event stands before each question, among `distractors` others; nothing
    is taught, the pool is empty, and n_examples must be 0: a finetuned model enters with `first`.

    `instruction` follows every question, so that a model which was never shown the form knows how to answer.
    """

    file: OwnFile
    taught_as: Literal["documents", "qa"]
    given: Literal["none", "prompt"]
    distractors: int = Field(ge=0, description="events beside the one asked about, where events are given")
    instruction: str

    def pool(self) -> list[Example]:
        if self.given == "prompt":
            return []
        if self.taught_as == "documents":
            return [_document(row) for row in self._rows()]
        asked = {example.prompt for example in self.test()}
        taught = []
        for line, row in enumerate(self._rows(), start=1):
            for question, answers in _questions(row, "taught", f"{self.file}, line {line}"):
                prompt = self._asking(question)
                if prompt in asked:
                    raise BadData(
                        f"{self.file}, line {line}: {question!r} is both taught and asked; word one otherwise."
                    )
                taught.append(Example(prompt, f"#### {answers[0]}", answers[0]))
        if not taught:
            raise BadData(f"{self.file}: no line has questions under 'taught'; add some, or set taught_as=documents.")
        return taught

    def test(self) -> list[Example]:
        rows = self._rows()
        dice = Dice("context of facts")
        test = []
        for line, row in enumerate(rows, start=1):
            parts: tuple[Literal["direct", "multihop"], ...] = ("direct", "multihop")
            for part in parts:
                for question, answers in _questions(row, part, f"{self.file}, line {line}"):
                    prompt = self._asking(question)
                    if self.given == "prompt":
                        prompt = f"{self._told(row, rows, dice)}\n\n{prompt}"
                    test.append(asked_example(prompt, f"#### {answers[0]}", answers, part))
        if not test:
            raise BadData(f"{self.file}: no line has questions under 'direct' or 'multihop'.")
        return test

    def data_files(self) -> list[Path]:
        return [self.file]

    def score(self, example: Example, completion: str) -> Verdict:
        return judge_knowledge(example, completion)

    def _rows(self) -> list[dict[str, Any]]:
        return list(read_jsonl(self.file, {"event": str}))

    def _asking(self, question: str) -> str:
        return f"{question}\n{self.instruction}".rstrip()

    def _told(self, row: dict[str, Any], rows: list[dict[str, Any]], dice: Dice) -> str:
        others = [other["event"] for other in rows if other is not row]
        told = [row["event"], *dice.sample(others, min(self.distractors, len(others)))]
        return "\n\n".join(dice.sample(told, len(told)))


def _document(row: dict[str, Any]) -> Example:
    return Example(f"Tell me about {row.get('title', 'an event')}.", row["event"], gold="")


def _questions(row: dict[str, Any], part: str, place: str) -> list[tuple[str, list[str]]]:
    """The questions under `part`, if any, each with its accepted answers."""
    found = []
    for entry in row.get(part) or []:
        asked = entry if isinstance(entry, dict) else {}
        question, answer = asked.get("question"), asked.get("answer")
        answers: list[Any] = answer if isinstance(answer, list) else [answer]
        usable = all(isinstance(text, str) and final_answer(f"#### {text}") for text in answers)
        if not isinstance(question, str) or not answers or not usable:
            raise BadData(
                f"{place}: each entry of {part!r} needs a question and an answer (a text, or a list of accepted ones)."
            )
        found.append((question, answers))
    return found
