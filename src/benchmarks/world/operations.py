"""Operations on lists of numbers and on strings: how they are said, how Python writes them, what they do.

In the order of how common they are: those that one would ask for most often come first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Operation:
    """How it is said, how Python says it (of `{v}`, the value so far) and what it does; parameters are {k} and {m}."""

    phrases: Sequence[str]
    code: str
    apply: Callable[..., Any]
    parameters: Sequence[Sequence[Any]] = ()


NUMBERS = {
    "above": Operation(
        ("keep only the numbers above {k}", "drop every number that is not greater than {k}", "take those over {k}"),
        "[x for x in {v} if x > {k}]", lambda xs, k: [x for x in xs if x > k], (range(1, 16),),
    ),
    "plus": Operation(
        ("add {k} to each number", "increase each number by {k}", "raise every one by {k}"),
        "[x + {k} for x in {v}]", lambda xs, k: [x + k for x in xs], (range(1, 16),),
    ),
    "ascending": Operation(
        ("sort the list", "put the smallest first", "order them from small to large"),
        "sorted({v})", lambda xs: sorted(xs),
    ),
    "times": Operation(
        ("multiply each number by {k}", "make each number {k} times as large", "scale every one by {k}"),
        "[x * {k} for x in {v}]", lambda xs, k: [x * k for x in xs], (range(2, 10),),
    ),
    "even": Operation(
        ("keep only the even numbers", "drop the odd numbers", "take the even ones"),
        "[x for x in {v} if x % 2 == 0]", lambda xs: [x for x in xs if x % 2 == 0],
    ),
    "first": Operation(
        ("keep the first {k}", "take {k} from the front", "cut after the first {k}"),
        "{v}[:{k}]", lambda xs, k: xs[:k], (range(1, 7),),
    ),
    "below": Operation(
        ("keep only the numbers below {k}", "drop every number that is not less than {k}", "take those under {k}"),
        "[x for x in {v} if x < {k}]", lambda xs, k: [x for x in xs if x < k], (range(1, 16),),
    ),
    "reverse": Operation(
        ("reverse the list", "turn the list round", "put the list back to front"),
        "{v}[::-1]", lambda xs: xs[::-1],
    ),
    "behind": Operation(
        ("append {k}", "add a {k} at the end", "put {k} behind the rest"),
        "{v} + [{k}]", lambda xs, k: [*xs, k], (range(1, 16),),
    ),
    "descending": Operation(
        ("sort the list in falling order", "put the largest first", "order them from large to small"),
        "sorted({v}, reverse=True)", lambda xs: sorted(xs, reverse=True),
    ),
    "without": Operation(
        ("remove every {k}", "leave out each {k}", "drop all that equal {k}"),
        "[x for x in {v} if x != {k}]", lambda xs, k: [x for x in xs if x != k], (range(1, 16),),
    ),
    "minus": Operation(
        ("subtract {k} from each number", "decrease each number by {k}", "lower every one by {k}"),
        "[x - {k} for x in {v}]", lambda xs, k: [x - k for x in xs], (range(1, 16),),
    ),
    "last": Operation(
        ("keep the last {k}", "take {k} from the end", "cut all before the last {k}"),
        "{v}[-{k}:]", lambda xs, k: xs[-k:], (range(1, 7),),
    ),
    "odd": Operation(
        ("keep only the odd numbers", "drop the even numbers", "take the odd ones"),
        "[x for x in {v} if x % 2 == 1]", lambda xs: [x for x in xs if x % 2 == 1],
    ),
    "distinct": Operation(
        ("leave out repeated numbers", "keep each number once", "drop what was there before"),
        "list(dict.fromkeys({v}))", lambda xs: list(dict.fromkeys(xs)),
    ),
    "square": Operation(
        ("square each number", "multiply each number by itself", "take the second power of every one"),
        "[x * x for x in {v}]", lambda xs: [x * x for x in xs],
    ),
    "beyond": Operation(
        ("skip the first {k}", "leave out {k} from the front", "start after the first {k}"),
        "{v}[{k}:]", lambda xs, k: xs[k:], (range(1, 7),),
    ),
    "before": Operation(
        ("prepend {k}", "add a {k} at the start", "put {k} before the rest"),
        "[{k}] + {v}", lambda xs, k: [k, *xs], (range(1, 16),),
    ),
    "divisible": Operation(
        ("keep only the multiples of {k}", "drop what {k} does not divide", "take those that {k} divides"),
        "[x for x in {v} if x % {k} == 0]", lambda xs, k: [x for x in xs if x % k == 0], (range(3, 10),),
    ),
    "remainder": Operation(
        ("take each number modulo {k}", "replace each by its remainder when divided by {k}", "reduce all modulo {k}"),
        "[x % {k} for x in {v}]", lambda xs, k: [x % k for x in xs], (range(2, 10),),
    ),
    "share": Operation(
        ("divide each number by {k} and round down", "make each one whole part of {k}", "split every one by {k}"),
        "[x // {k} for x in {v}]", lambda xs, k: [x // k for x in xs], (range(2, 10),),
    ),
    "shorter": Operation(
        ("skip the last {k}", "leave out {k} from the end", "stop before the last {k}"),
        "{v}[:-{k}]", lambda xs, k: xs[:-k], (range(1, 7),),
    ),
    "alternate": Operation(
        ("keep every other number", "take each second one from the first on", "leave out each second number"),
        "{v}[::2]", lambda xs: xs[::2],
    ),
    "negate": Operation(
        ("change the sign of each number", "negate each number", "take the opposite of every one"),
        "[-x for x in {v}]", lambda xs: [-x for x in xs],
    ),
    "twice": Operation(
        ("repeat the list", "put the list behind itself", "write the list twice over"),
        "{v} + {v}", lambda xs: xs + xs,
    ),
    "at_most": Operation(
        ("lower what exceeds {k} to {k}", "cap each number at {k}", "let none be more than {k}"),
        "[min(x, {k}) for x in {v}]", lambda xs, k: [min(x, k) for x in xs], (range(1, 16),),
    ),
    "at_least": Operation(
        ("lift what is under {k} to {k}", "floor each number at {k}", "let none be less than {k}"),
        "[max(x, {k}) for x in {v}]", lambda xs, k: [max(x, k) for x in xs], (range(1, 16),),
    ),
    "distance": Operation(
        ("take how far each is from {k}", "give the distance of each number to {k}", "measure every one from {k}"),
        "[abs(x - {k}) for x in {v}]", lambda xs, k: [abs(x - k) for x in xs], (range(1, 16),),
    ),
    "rotate": Operation(
        ("move the first {k} to the end", "rotate the list by {k}", "bring {k} from the front to the back"),
        "{v}[{k}:] + {v}[:{k}]", lambda xs, k: xs[k:] + xs[:k], (range(1, 7),),
    ),
    "instead": Operation(
        ("put {m} in the place of each {k}", "change each {k} to {m}", "replace {k} by {m}"),
        "[{m} if x == {k} else x for x in {v}]", lambda xs, k, m: [m if x == k else x for x in xs],
        (range(1, 16), range(1, 16)),
    ),
    "neighbours": Operation(
        ("add each number to the next", "take the sums of neighbours", "sum every two in a row"),
        "[a + b for a, b in zip({v}, {v}[1:])]", lambda xs: [a + b for a, b in pairwise(xs)],
    ),
    "steps": Operation(
        ("take the differences of neighbours", "give the rise to the next number", "subtract each from the next"),
        "[b - a for a, b in zip({v}, {v}[1:])]", lambda xs: [b - a for a, b in pairwise(xs)],
    ),
    "places": Operation(
        ("give the places of the numbers above {k}", "say where it is more than {k}", "list each index over {k}"),
        "[i for i, x in enumerate({v}) if x > {k}]", lambda xs, k: [i for i, x in enumerate(xs) if x > k],
        (range(1, 16),),
    ),
    "weighted": Operation(
        ("multiply each number by its place", "weigh each number by its index", "scale every one by where it stands"),
        "[i * x for i, x in enumerate({v})]", lambda xs: [i * x for i, x in enumerate(xs)],
    ),
}  # fmt: skip
STRING = {
    "upper": Operation(
        ("turn it into capitals", "write it in capital letters", "make it upper case"),
        "{v}.upper()", lambda s: s.upper(),
    ),
    "replace": Operation(
        ("put {m} in the place of {k}", "change each {k} to {m}", "replace {k} by {m}"),
        '{v}.replace("{k}", "{m}")', lambda s, k, m: s.replace(k, m), (LETTERS, LETTERS),
    ),
    "first": Operation(
        ("keep the first {k} letters", "take {k} letters from the front", "cut after {k} letters"),
        "{v}[:{k}]", lambda s, k: s[:k], (range(1, 7),),
    ),
    "reverse": Operation(
        ("reverse it", "turn it round", "write it back to front"),
        "{v}[::-1]", lambda s: s[::-1],
    ),
    "remove": Operation(
        ("remove every {k}", "leave out each {k}", "drop the letter {k}"),
        '{v}.replace("{k}", "")', lambda s, k: s.replace(k, ""), (LETTERS,),
    ),
    "repeat": Operation(
        ("repeat it {k} times", "write it {k} times over", "put {k} copies in a row"),
        "{v} * {k}", lambda s, k: s * k, (range(2, 6),),
    ),
    "last": Operation(
        ("keep the last {k} letters", "take {k} letters from the end", "cut all before the last {k} letters"),
        "{v}[-{k}:]", lambda s, k: s[-k:], (range(1, 7),),
    ),
    "lower": Operation(
        ("turn it into small letters", "write it without capitals", "make it lower case"),
        "{v}.lower()", lambda s: s.lower(),
    ),
    "behind": Operation(
        ("append {k}", "add {k} at the end", "put {k} behind it"),
        '{v} + "{k}"', lambda s, k: s + k, (LETTERS,),
    ),
    "beyond": Operation(
        ("skip the first {k} letters", "leave out {k} letters from the front", "start after {k} letters"),
        "{v}[{k}:]", lambda s, k: s[k:], (range(1, 7),),
    ),
    "before": Operation(
        ("prepend {k}", "add {k} at the start", "put {k} before it"),
        '"{k}" + {v}', lambda s, k: k + s, (LETTERS,),
    ),
    "shorter": Operation(
        ("skip the last {k} letters", "leave out {k} letters from the end", "stop {k} letters before the end"),
        "{v}[:-{k}]", lambda s, k: s[:-k], (range(1, 7),),
    ),
    "alternate": Operation(
        ("keep every other letter", "take each second letter from the first on", "leave out each second letter"),
        "{v}[::2]", lambda s: s[::2],
    ),
    "capital": Operation(
        ("begin it with a capital", "make the first letter large and the rest small", "write it as a name"),
        "{v}.capitalize()", lambda s: s.capitalize(),
    ),
    "swap": Operation(
        ("swap small letters and capitals", "change the case of each letter", "turn the case round"),
        "{v}.swapcase()", lambda s: s.swapcase(),
    ),
    "mirror": Operation(
        ("put its mirror image behind it", "follow it by itself in reverse", "write it forth and back"),
        "{v} + {v}[::-1]", lambda s: s + s[::-1],
    ),
    "rotate": Operation(
        ("move the first {k} letters to the end", "rotate it by {k} letters", "bring {k} letters from front to back"),
        "{v}[{k}:] + {v}[:{k}]", lambda s, k: s[k:] + s[:k], (range(1, 7),),
    ),
    "double": Operation(
        ("double each letter", "write each letter twice", "repeat every letter"),
        '"".join([c * 2 for c in {v}])', lambda s: "".join(c * 2 for c in s),
    ),
    "sorted": Operation(
        ("sort its letters", "put its letters in order", "order it by letter"),
        '"".join(sorted({v}))', lambda s: "".join(sorted(s)),
    ),
    "distinct": Operation(
        ("leave out repeated letters", "keep each letter once", "drop letters that were there before"),
        '"".join(dict.fromkeys({v}))', lambda s: "".join(dict.fromkeys(s)),
    ),
}  # fmt: skip
