"""How much of a test set the drawn training examples give away: exact and near duplicates of its prompts.

After Touvron et al. 2307.09288 (A.6): a word of a test prompt is contaminated where it lies in an n-gram that some
training example holds too, and a prompt is a near duplicate where at least 80 % of its words are.
"""

import re
from collections.abc import Iterable, Sequence

from src.benchmarks.benchmark import Example

NGRAM = 8
NEAR = 0.8


def contamination(train: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    """Metrics of `test`: how many of its prompts occur in training, and the mean share of their words that do.

    Words are compared in lower case, without punctuation. A prompt of fewer than 8 words is one n-gram. Without test
    items (a harness that keeps them to itself) there is nothing to say: no metrics.
    """
    if not test:
        return {}
    asked = [_words(example.prompt) for example in test]
    lengths = {min(len(words), NGRAM) for words in asked}
    # Only what the test set asks about is kept: the n-grams of all training examples can be gigabytes.
    wanted = {gram for words in asked for _, gram in _ngrams(words, min(len(words), NGRAM))}
    prompts = {tuple(words) for words in asked}
    held: set[tuple[str, ...]] = set()
    shown: set[tuple[str, ...]] = set()
    for example in train:
        words = _words(f"{example.prompt} {example.answer}")
        held.update(gram for length in lengths for _, gram in _ngrams(words, length) if gram in wanted)
        shown.update({tuple(_words(example.prompt))} & prompts)
    overlaps = [_overlap(words, held) for words in asked]
    return {
        "data/exact_duplicates": float(sum(tuple(words) in shown for words in asked)),
        "data/near_duplicates": float(sum(overlap >= NEAR for overlap in overlaps)),
        "data/ngram_overlap": sum(overlaps) / len(overlaps),
    }


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _ngrams(words: list[str], length: int) -> Iterable[tuple[int, tuple[str, ...]]]:
    return ((start, tuple(words[start : start + length])) for start in range(len(words) - length + 1))


def _overlap(words: list[str], held: set[tuple[str, ...]]) -> float:
    """The share of the prompt's words that lie in an n-gram which is held."""
    length = min(len(words), NGRAM)
    covered = {start + i for start, gram in _ngrams(words, length) if gram in held for i in range(length)}
    return len(covered) / len(words) if words else 0.0
