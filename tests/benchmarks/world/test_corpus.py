import re
from hashlib import sha256
from itertools import islice

from src.benchmarks.world.corpus import OPERATORS, corpus

CALCULATE = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__truediv__}


def test_the_same_seed_gives_the_same_stream() -> None:
    assert list(islice(corpus(3), 200)) == list(islice(corpus(3), 200))
    assert list(islice(corpus(3), 200)) != list(islice(corpus(4), 200))


def test_the_text_is_the_same_on_every_platform() -> None:
    # Written down once. A change here is a change of every tiny base and of every curve measured on one.
    text = "\n".join(islice(corpus(0), 1000))
    assert sha256(text.encode()).hexdigest() == "21c2993ee768d3126677d3aa9d4c3c8caf43a7977b9209e07d344c496d80593f"


def test_the_finetuning_format_never_occurs() -> None:
    text = "\n".join(islice(corpus(0), 20_000))
    for forbidden in ("####", "Question", "Answer", "How many", "?"):
        assert forbidden not in text


def test_everything_calculated_is_right() -> None:
    text = "\n".join(islice(corpus(0), 5_000))
    symbols = {word: symbol for symbol, word in OPERATORS.items()}
    checked = 0
    for a, word, b, result in re.findall(r"(\d+) (plus|minus|times|over) (\d+) makes (\d+)", text):
        assert CALCULATE[symbols[word]](int(a), int(b)) == int(result)
        checked += 1
    for a, symbol, b, result in re.findall(r"(\d+)([-+*/])(\d+)=(\d+)", text):
        assert CALCULATE[symbol](int(a), int(b)) == int(result)
        checked += 1
    assert checked > 5_000
