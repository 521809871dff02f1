"""One row of the predictions' table for each completion."""

from typing import Any

from src.benchmarks.benchmark import Example, Verdict


def row(
    item: int,
    example: Example,
    completion: str,
    verdict: Verdict,
    *,
    cut_off: bool,
    loss: tuple[float | None, int | None] = (None, None),
) -> dict[str, Any]:
    """`item` is the place in the test set; `loss` is that of the reference answer, in nats, and its tokens."""
    lenient = verdict.lenient or verdict
    nll, tokens = loss
    return {
        "item": item,
        "prompt": example.prompt,
        "completion": completion,
        "extracted": verdict.extracted,
        "gold": example.gold,
        "score": verdict.score,
        "error": verdict.error,
        "detail": verdict.detail,
        "lenient_extracted": lenient.extracted,
        "lenient_score": lenient.score,
        "parts": {name: list(values) for name, values in verdict.parts.items()},
        "reference": example.answer,
        "nll": nll,
        "answer_tokens": tokens,
        "cut_off": cut_off,
    }
