"""Pairs of answers judged in both orders, and what that says of the answers and of the judge."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scipy.stats import binomtest

from src.judging.cache import Cache
from src.judging.judge import Choice, Comparison, Judge, Opinion

CONFIDENCE = 0.95
SWAPPED: dict[Choice, Choice] = {"first": "second", "second": "first", "tie": "tie", "invalid": "invalid"}
Outcome = Literal["win", "loss", "tie", "inconsistent", "invalid"]


@dataclass(frozen=True)
class AnswerPair:
    """Two answers to a prompt: a's wins are counted."""

    prompt: str
    a: str
    b: str


@dataclass(frozen=True)
class Judgement:
    """`metrics` by name; `rows` has one row a pair, with both opinions and all that the judge said."""

    metrics: dict[str, float]
    rows: list[dict[str, Any]]


def judge_pairs(judge: Judge, pairs: Sequence[AnswerPair], cache: Path) -> Judgement:
    """Judge each of the pairs, of which there is at least one, with a first and then with b first.

    A pair is won only where both orders say so (Zheng et al. 2306.05685, 3.4); where they contradict each other it is
    inconsistent, and where the judge names no choice in one of them, invalid. What is in the cache is not asked again.
    """
    known = Cache(cache, judge.settings)
    orders = [(Comparison(pair.prompt, pair.a, pair.b), Comparison(pair.prompt, pair.b, pair.a)) for pair in pairs]
    asked = list(dict.fromkeys(c for both in orders for c in both if c not in known))
    judge.compare(asked, lambda place, opinion: known.add(asked[place], opinion))
    rows = [_row(pair, known[ab], known[ba]) for pair, (ab, ba) in zip(pairs, orders, strict=True)]
    return Judgement(_metrics(rows), rows)


def _row(pair: AnswerPair, a_first: Opinion, b_first: Opinion) -> dict[str, Any]:
    return {
        **vars(pair),
        "outcome": outcome(a_first.choice, b_first.choice),
        "a_first": a_first.choice,
        "b_first": b_first.choice,
        "a_first_reply": a_first.reply,
        "b_first_reply": b_first.reply,
    }


def outcome(a_first: Choice, b_first: Choice) -> Outcome:
    """Of a pair for a, from the choices in both orders."""
    if "invalid" in (a_first, b_first):
        return "invalid"
    if a_first != SWAPPED[b_first]:
        return "inconsistent"
    outcomes: dict[Choice, Outcome] = {"first": "win", "second": "loss", "tie": "tie"}
    return outcomes[a_first]


def _metrics(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Shares of all pairs, and how far the judge can be trusted.

    win_rate counts ties and inconsistent pairs half; its interval, like the sign test, takes only decided pairs.
    """
    counts = Counter(row["outcome"] for row in rows)
    wins, losses = counts["win"], counts["loss"]
    valid = len(rows) - counts["invalid"]
    choices = Counter(row[order] for row in rows for order in ("a_first", "b_first"))
    decided = choices["first"] + choices["second"]
    metrics = {f"{name}_share": counts[name] / len(rows) for name in ("win", "loss", "tie", "inconsistent", "invalid")}
    metrics["n_pairs"] = float(len(rows))
    if valid:
        metrics["win_rate"] = (wins + (valid - wins - losses) / 2) / valid
        metrics["consistency"] = 1 - counts["inconsistent"] / valid
    if decided:
        # 0 where the judge has no favourite place, +1 where it always takes the first answer, -1 the second.
        metrics["position_bias"] = (choices["first"] - choices["second"]) / decided
    if wins + losses:
        test = binomtest(wins, wins + losses)
        low, high = test.proportion_ci(CONFIDENCE, method="wilson")
        metrics |= {"decided_win_rate": wins / (wins + losses), "decided_win_rate_low": float(low)}
        metrics |= {"decided_win_rate_high": float(high), "sign_test_p": float(test.pvalue)}
    return metrics
