"""What of a completion answers the question: a base that does not stop goes on to questions of its own."""

import re

_NEXT_QUESTION = re.compile(r"\n\s*(?:Question|Q):")


def own_answer(completion: str) -> str:
    """The completion up to the first line that begins another question."""
    return _NEXT_QUESTION.split(completion, maxsplit=1)[0]
