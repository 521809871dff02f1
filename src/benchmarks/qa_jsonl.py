"""Question answering from files (JSON Lines or JSON arrays) in the style of SubQA, MuSiQue or 2WikiMultihopQA.

MuSiQue: Trivedi et al. 2108.00573; 2WikiMultihopQA: Ho et al. 2011.01060.
"""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from src.benchmarks.benchmark import BadData, Benchmark, Example, Verdict
from src.benchmarks.data.jsonl_files import checked, read_rows
from src.benchmarks.data.user_files import OwnFile, Placed, refuse_shared_prompts
from src.benchmarks.scoring.text_answer import accepted_answers, final_answer, hidden_answers, judge_text, normalise

# Where a field's name is null: the first of these that a row has.
ANSWERS = ("answers", "answer")
CHAINS = ("chain", "question_decomposition", "evidences", "decomposition")
CONTEXTS = ("paragraphs", "context")


class QaJsonl(Benchmark):
    """Rows with a question, accepted answers, a chain of steps and paragraphs of context; the last two may be missing.

    - The answer is a text or a list of accepted ones, the first of them the gold answer; `answer_aliases` are accepted
      too. Yes and no may be true and false. SQuAD's `{"text": …}` and TriviaQA's `{"value": …, "aliases": …}` are read
      as such. An accepted answer without a letter or digit is left out where there is another one.
    - The chain is a text or a list of steps, each a text, a sub-question with its `answer` (in which `#1` stands for
      the answer of step 1, as in MuSiQue), or a triple (as 2WikiMultihopQA's evidences). It is the worked answer, one
      step a line, before `#### <answer>`.
    - A paragraph is a text, an object with `title` and `paragraph_text` (MuSiQue), or a pair of a title and its
      sentences (2WikiMultihopQA). With `context: given` all of a row's paragraphs stand before the question.
    - Names of fields that are not configured may differ in case: `Question`.

    Scored by exact match, with the part `f1`.
    """

    train: OwnFile
    test_file: OwnFile = Field(alias="test")  # the name `test` is taken by the method
    question_field: str
    answer_field: str | None
    chain_field: str | None
    context_field: str | None
    context: Literal["given", "none"]

    def pool(self) -> list[Example]:
        return refuse_shared_prompts(self._examples(self.train), self._examples(self.test_file), self.test_file)

    def test(self) -> list[Example]:
        return [example for _, example in self._examples(self.test_file)]

    def data_files(self) -> list[Path]:
        return [self.train, self.test_file]

    def score(self, example: Example, completion: str) -> Verdict:
        return judge_text(accepted_answers(example), completion)

    def _examples(self, file: Path) -> list[Placed]:
        return [(place, self._example(row, place)) for place, row in read_rows(file, {})]

    def _example(self, given: dict[str, Any], place: str) -> Example:
        row = _in_lower_case(given)
        named = (self.answer_field, self.chain_field, self.context_field if self.context == "given" else None)
        if self.question_field not in row:
            raise BadData(
                f"{place}: the field {self.question_field!r} is missing; set benchmark.question_field to the one of "
                f"{', '.join(given)} that holds the question."
            )
        checked(row, {self.question_field: str} | {name: object for name in named if name is not None}, place)
        if row.get("answerable") is False:
            raise BadData(f"{place}: the question is marked as not answerable; keep such rows out of the file.")
        gold, *others = _answers(row, self.answer_field, place)
        steps = _list(_first(row, self.chain_field, CHAINS))
        results = [_text(step.get("answer", "")) for step in steps if isinstance(step, dict)]
        worked = "\n".join([*(_step(step, results, place) for step in steps), f"#### {gold}"])
        if final_answer(worked) != gold:
            raise BadData(f"{place}: the chain holds the marker ####, which is kept for the final answer.")
        paragraphs = _list(_first(row, self.context_field, CONTEXTS)) if self.context == "given" else []
        prompt = "\n\n".join([*(_paragraph(each, place) for each in paragraphs), row[self.question_field]])
        return Example(prompt, worked, gold, hidden_answers(others))


def _first(row: dict[str, Any], field: str | None, names: tuple[str, ...]) -> Any:
    return row[field] if field is not None else next((row[name] for name in names if name in row), None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _in_lower_case(row: dict[str, Any]) -> dict[str, Any]:
    """The row, in which a field that is called `Question` is called `question` too, unless another one is."""
    lower = {name.lower(): value for name, value in row.items()}
    return {**lower, **row} if len(lower) == len(row) else row


def _answers(row: dict[str, Any], field: str | None, place: str) -> list[str]:
    given = [*_accepted(_first(row, field, ANSWERS), place), *_accepted(row.get("answer_aliases"), place)]
    texts = [text for answer in given if answer is not None and (text := _text(answer))]
    if not texts:
        looked_for = field or " and ".join(ANSWERS)
        raise BadData(
            f"{place}: the answer (looked for in {looked_for}) is missing or empty; set benchmark.answer_field."
        )
    if marked := next((text for text in texts if "####" in text), None):
        raise BadData(f"{place}: the answer {marked!r} holds the marker ####, which is kept for the final answer.")
    answers = [text for text in texts if normalise(text)]
    if not answers:
        raise BadData(
            f"{place}: the answer {texts[0]!r} has neither a letter nor a digit, so that no completion could be told "
            "to be right; leave the row out."
        )
    return answers


def _accepted(value: Any, place: str) -> list[Any]:
    """The accepted answers as they are written."""
    match value:
        case {"text": texts}:
            return _list(texts)
        case {"value": first, **others}:
            return [first, *_list(others.get("aliases"))]
        case dict():
            raise BadData(
                f"{place}: the answer is an object with the fields {', '.join(value)}, and none of them is text."
            )
    return _list(value)


def _text(value: object) -> str:
    """One line."""
    return ("yes" if value else "no") if isinstance(value, bool) else " ".join(str(value).split())


def _step(step: object, results: list[str], place: str) -> str:
    match step:
        case str():
            return step.strip()
        case {"question": str(asked), "answer": result}:
            filled = re.sub(r"#(\d+)", lambda mark: _result(mark, results), asked)
            return f"{filled} {_text(result)}"
        case [subject, relation, target]:
            return f"{subject}, {relation}: {target}"
    raise BadData(
        f"{place}: a step of the chain is neither a text, nor a question with its answer, nor a triple: {step!r}."
    )


def _result(mark: re.Match[str], results: list[str]) -> str:
    number = int(mark[1])
    return results[number - 1] if 1 <= number <= len(results) else mark[0]


def _paragraph(paragraph: object, place: str) -> str:
    match paragraph:
        case str():
            return paragraph.strip()
        case {"title": title, "paragraph_text": text}:
            return f"{title}: {text}"
        case [str(title), [*sentences]]:
            return f"{title}: {' '.join(str(sentence).strip() for sentence in sentences)}"
    raise BadData(f"{place}: a paragraph is neither a text nor a title with its text: {str(paragraph)[:60]}.")
