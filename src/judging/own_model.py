"""Judges that run on a model of one's own: asked like an endpoint, or by the likelihood it gives to the answers."""

from collections.abc import Callable, Sequence
from typing import Any

from src.judging.judge import QUESTION, Choice, Comparison, Judge, Keep, Opinion, judge_question, read_reply


class LocalJudge(Judge):
    """A model that follows instructions; `complete` maps questions to its replies."""

    def __init__(self, complete: Callable[[list[str]], list[str]], settings: dict[str, Any]) -> None:
        self.complete = complete
        self.settings = {**settings, "question": QUESTION}

    def compare(self, comparisons: Sequence[Comparison], keep: Keep) -> None:
        for place, reply in enumerate(self.complete([judge_question(comparison) for comparison in comparisons])):
            keep(place, Opinion(read_reply(reply), reply))


class LikelihoodJudge(Judge):
    """Prefers the answer whose tokens the model finds likelier on average; a tie within `margin` nats a token.

    Meant for models too small to be asked. It judges how natural an answer is to that model, not whether it is right,
    and cannot depend on the order: its consistency is 1 by construction.
    """

    def __init__(
        self, score: Callable[[list[tuple[str, str]]], list[float]], margin: float, settings: dict[str, Any]
    ) -> None:
        self.score = score
        self.margin = margin
        self.settings = {**settings, "margin": margin}

    def compare(self, comparisons: Sequence[Comparison], keep: Keep) -> None:
        answers = list(dict.fromkeys((c.prompt, answer) for c in comparisons for answer in (c.first, c.second)))
        likelihood = dict(zip(answers, self.score(answers), strict=True))
        for place, c in enumerate(comparisons):
            first, second = likelihood[c.prompt, c.first], likelihood[c.prompt, c.second]
            keep(place, Opinion(self._choose(first, second), f"{first:.4f} against {second:.4f} nats a token"))

    def _choose(self, first: float, second: float) -> Choice:
        if abs(first - second) <= self.margin:
            return "tie"
        return "first" if first > second else "second"
