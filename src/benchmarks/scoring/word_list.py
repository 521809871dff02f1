"""Word lists under constraints: how a task is drawn, put into words, solved and checked."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from src.benchmarks.world import words
from src.benchmarks.world.dice import Dice

TOPICS = {
    "animals": tuple(dict.fromkeys((*words.PETS, "bird", "wolf", "bear", "frog", "crab"))),
    "colors": words.COLORS,
    "foods": words.FOODS,
    "jobs": words.JOBS,
    "tools": words.TOOLS,
    "sounds": words.SOUNDS,
}
OPENERS = ("OK", "YES", "START", "HERE", "SURE")
CLOSERS = ("STOP", "END", "DONE", "BYE", "THANKS")
LONGEST = 5


@dataclass(frozen=True)
class Constraint:
    """`kind` is a key of PHRASES; `value` is its argument as text, empty where it takes none."""

    kind: str
    value: str = ""


@dataclass(frozen=True)
class Task:
    """What is asked for: words of a topic or, where it is empty, the given words; and the constraints in order.

    With given words all that the constraints let through are wanted, unless a `count` asks for fewer.
    """

    topic: str
    given: tuple[str, ...]
    constraints: tuple[Constraint, ...]

    @property
    def source(self) -> tuple[str, ...]:
        return TOPICS[self.topic] if self.topic else self.given

    def value(self, kind: str) -> str | None:
        return next((c.value for c in self.constraints if c.kind == kind), None)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Task":
        fields = json.loads(text)
        constraints = tuple(Constraint(**constraint) for constraint in fields["constraints"])
        return cls(fields["topic"], tuple(fields["given"]), constraints)


@dataclass(frozen=True)
class Checked:
    """`words`: those of the source in the answer; `met`: for each constraint; `right`: the right words and all met."""

    words: Sequence[str]
    met: Sequence[bool]
    right: bool


# --- drawing ---------------------------------------------------------------------------------------------------------

# What each constraint may be called: the commoner ways first, the last ones rare.
PHRASES: dict[str, Sequence[str]] = {
    "count": ("Use exactly {} words.", "Write only {} of them.", "I need {} words.", "Choose {}, no more and no less."),
    "alphabetical": ("Put them in alphabetical order.", "Sort them.", "Order them from A to Z."),
    "backwards": ("Put them in reverse alphabetical order.", "Sort them from Z to A.", "Order them from Z down to A."),
    "reversed": (
        "Turn the order around.",
        "Write them in reversed order.",
        "Start with the last and end at the first.",
    ),
    "upper": ("Use capital letters.", "Write everything in upper case.", "Shout each word."),
    "capitalized": ("Begin each word with a capital letter.", "Capitalize the words.", "Write them like names."),
    "first": ("Start with {}.", "The first word must be {}.", "Say {} before the list."),
    "last": ("End with {}.", "The last word must be {}.", "Say {} after the list."),
    "without": ("Do not use {}.", "Leave out {}.", "Skip the word {}."),
    "twice": ("Write each word twice.", "Repeat every word.", "Say all of them two times, one after the other."),
    "short": ("Use only words of at most {} letters.", "No word may have more than {} letters."),
    "long": ("Use only words of at least {} letters.", "No word may have fewer than {} letters."),
}
_LIST_TOPIC = ("List {} {}.", "Name {} {}.", "Give me {} {}.", "Write down {} {}.", "What are {} {}?")
_TAKE_GIVEN = ("list : {} .", "Here is a list : {} .", "Take this list : {} .")
# No two of one row in one task: they would contradict or swallow each other.
_FAMILIES = (
    ("alphabetical", "reversed", "backwards"),
    ("upper", "capitalized"),
    ("last",),
    ("first",),
    ("twice",),
    ("without",),
    ("count",),
    ("short", "long"),
)


def draw_task(dice: Dice, constraints: int) -> Task:
    """A task that can be solved. A topic's count is one of its constraints, so it has at least two."""
    while True:
        topic = dice.choice(list(TOPICS)) if constraints > 1 and dice.chance(0.2) else ""
        given = () if topic else tuple(dice.sample(words.LIST_ITEMS, dice.between(2, LONGEST)))
        source = TOPICS[topic] if topic else given
        families = [family for family in _FAMILIES if not (topic and family[0] == "count")]
        chosen = dice.sample(families, constraints - 1 if topic else constraints)
        drawn = [_draw_constraint(dice, dice.zipf(family, 0.5), source) for family in chosen]
        if topic:
            if any(constraint.kind == "reversed" for constraint in drawn):
                continue  # a topic has no order to turn around
            drawn.insert(0, Constraint("count", str(dice.between(3, 5))))
        task = Task(topic, given, tuple(drawn))
        wanted = int(task.value("count") or 2)
        if len(allowed(task)) >= wanted and (topic or all(_binds(task, c) for c in drawn)):
            return task


def _draw_constraint(dice: Dice, kind: str, source: Sequence[str]) -> Constraint:
    if kind == "count":
        return Constraint(kind, str(dice.between(2, LONGEST - 1)))
    if kind == "first":
        return Constraint(kind, dice.zipf(OPENERS, 1.0))
    if kind == "last":
        return Constraint(kind, dice.zipf(CLOSERS, 1.0))
    if kind == "without":
        return Constraint(kind, " or ".join(dice.sample(source, 1 if dice.chance(0.7) else 2)))
    if kind in ("short", "long"):
        return Constraint(kind, str(dice.between(3, 5)))
    return Constraint(kind)


def _binds(task: Task, constraint: Constraint) -> bool:
    """Whether a constraint on which words to use rules any of the given ones out."""
    if constraint.kind == "count":
        return int(constraint.value) < len(allowed(task))
    if constraint.kind in ("short", "long"):
        return not all(_fits(word, constraint) for word in task.given)
    return True


def _fits(word: str, constraint: Constraint) -> bool:
    if constraint.kind == "without":
        return word not in constraint.value.split(" or ")
    if constraint.kind == "short":
        return len(word) <= int(constraint.value)
    if constraint.kind == "long":
        return len(word) >= int(constraint.value)
    return True


def allowed(task: Task) -> list[str]:
    """The words of the source that the constraints let through, in its order."""
    return [word for word in task.source if all(_fits(word, constraint) for constraint in task.constraints)]


# --- wording and solving ---------------------------------------------------------------------------------------------


def prompt_of(task: Task, dice: Dice) -> str:
    """The task in words; the dice choose among the ways to say it."""
    rest = list(task.constraints)
    if task.topic:
        opening = dice.zipf(_LIST_TOPIC, 0.5).format(rest.pop(0).value, task.topic)
    else:
        opening = dice.zipf(_TAKE_GIVEN, 1.0).format(" ".join(task.given))
    said = [dice.zipf(PHRASES[constraint.kind], 1.0).format(constraint.value) for constraint in rest]
    return " ".join([opening, *said])


def solve(task: Task, dice: Dice) -> str:
    """A right answer; the dice choose where the task leaves a choice."""
    chosen = allowed(task)
    count = int(task.value("count") or len(chosen))
    if task.topic:
        chosen = dice.sample(chosen, count)
    chosen = chosen[:count]
    kinds = {constraint.kind for constraint in task.constraints}
    if "alphabetical" in kinds or "backwards" in kinds:
        chosen = sorted(chosen, reverse="backwards" in kinds)
    if "reversed" in kinds:
        chosen = chosen[::-1]
    if "twice" in kinds:
        chosen = [word for word in chosen for _ in range(2)]
    if "upper" in kinds:
        chosen = [word.upper() for word in chosen]
    if "capitalized" in kinds:
        chosen = [word.capitalize() for word in chosen]
    first, last = task.value("first"), task.value("last")
    return " ".join([*([first] if first else []), *chosen, *([last] if last else [])])


# --- checking --------------------------------------------------------------------------------------------------------


def check(task: Task, answer: str) -> Checked:
    """Judge an answer. Words are runs of letters: what stands between them does not matter.

    The words asked for with `first` and `last` are taken off before the list is looked at. Where no word of the
    source is left, no constraint counts as met: there is nothing that could meet it.
    """
    found = re.findall(r"[A-Za-z]+", answer)
    first, last = task.value("first"), task.value("last")
    met = {"first": bool(found) and found[0] == first, "last": bool(found) and found[-1] == last}
    inner = found[met["first"] : len(found) - met["last"]]
    known = [word for word in inner if word.lower() in task.source]
    if not known:
        return Checked((), [False] * len(task.constraints), False)
    rules = {constraint.kind: constraint for constraint in task.constraints}
    listed = [word.lower() for word in inner]
    if "twice" in rules:
        met["twice"] = listed[::2] == listed[1::2]
        listed = listed[::2] if met["twice"] else listed
    for kind, constraint in rules.items():
        if kind not in met:
            met[kind] = _MET[kind](task, constraint, listed, inner)
    enough = "count" in rules or set(listed) == set(allowed(task))
    words_right = len(known) == len(inner) and len(set(listed)) == len(listed) and enough
    outcome = [met[kind] for kind in rules]
    return Checked(known, outcome, words_right and all(outcome))


_Rule = Callable[[Task, Constraint, Sequence[str], Sequence[str]], bool]
# By kind: is the constraint met by these words, in lower case (`listed`, once each) and as they were written?
_MET: dict[str, _Rule] = {
    "count": lambda task, constraint, listed, written: len(listed) == int(constraint.value),
    "alphabetical": lambda task, constraint, listed, written: list(listed) == sorted(listed),
    "backwards": lambda task, constraint, listed, written: list(listed) == sorted(listed, reverse=True),
    "reversed": lambda task, constraint, listed, written: _in_reverse(task.given, listed),
    "upper": lambda task, constraint, listed, written: all(word.isupper() for word in written),
    "capitalized": lambda task, constraint, listed, written: all(word == word.capitalize() for word in written),
    **dict.fromkeys(
        ("without", "short", "long"),
        lambda task, constraint, listed, written: all(_fits(word, constraint) for word in listed),
    ),
}


def _in_reverse(given: Sequence[str], listed: Sequence[str]) -> bool:
    places = [given.index(word) for word in listed if word in given]
    return places == sorted(places, reverse=True)
