"""From scored completions to metrics: each with a value for every test item, whose mean is the metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def item_values(rows: Sequence[Mapping[str, Any]], samples: int) -> dict[str, np.ndarray]:
    """By metric a value for each test item, shape (items,), in the test set's order; the metric is their mean.

    `rows` hold `samples` scored completions of each item, one item after the other. Shares that are 0 or 1 for every
    item are kept as uint8, anything else as float32.
    """
    first = rows[::samples]
    errors = np.array([row["error"] for row in rows]).reshape(-1, samples)
    strict, lenient = (np.array([row[of] for row in rows], dtype=float) for of in ("score", "lenient_score"))
    values = {
        "eval/accuracy": strict.reshape(-1, samples).mean(axis=1),
        "eval/accuracy_lenient": lenient.reshape(-1, samples).mean(axis=1),
        "eval/format_error_rate": (errors == "format").mean(axis=1),
        "eval/reasoning_error_rate": (errors == "reasoning").mean(axis=1),
    }
    for part in sorted({name for row in rows for name in row["parts"]}):
        of = [row["parts"].get(part, []) for row in rows]
        sums, counts = (np.array([f(v) for v in of], dtype=float).reshape(-1, samples).sum(axis=1) for f in (sum, len))
        values[f"eval/{part}"] = linearised(sums, counts)
    if any(row["nll"] is not None for row in first):
        nll, tokens = (np.array([row[name] or 0 for row in first], dtype=float) for name in ("nll", "answer_tokens"))
        values["eval/nll"] = linearised(nll, tokens)
    return {name: _compact(of) for name, of in values.items()}


def linearised(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A ratio of sums, Σ sums / Σ counts, as one value for each item, shape (items,), whose mean is the ratio.

    Their spread is the ratio's: the linearised ratio estimator (Cochran, Sampling Techniques, 1977, 6.13).
    """
    ratio = sums.sum() / counts.sum()
    return ratio + (sums - ratio * counts) * len(sums) / counts.sum()


def with_errors(items: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Each metric with its standard error by the choice of test items."""
    metrics = {}
    for name, of in items.items():
        metrics[name] = float(of.mean(dtype=float))
        metrics[f"{name}_stderr"] = float(of.std(ddof=1, dtype=float) / np.sqrt(len(of))) if len(of) > 1 else 0.0
    return metrics


def finer_errors(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of completions with each of the benchmark's finer classes of error."""
    details = Counter(row["detail"] for row in rows if row["detail"])
    return {f"eval/error/{detail}": count / len(rows) for detail, count in sorted(details.items())}


def _compact(values: np.ndarray) -> np.ndarray:
    return values.astype(np.uint8 if np.isin(values, (0, 1)).all() else np.float32)
