"""Answers to many prompts: shared out to the ranks, written down as they come, gathered on the first."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.progress import Progress
from transformers import PreTrainedModel

from src.generation.engine import Engine
from src.modules.lockstep import in_step
from src.modules.plan import spread
from src.modules.ranks import Ranks


def answer(
    model: PreTrainedModel,
    asked: Sequence[list[int]],
    max_new_tokens: int,
    engine: Callable[[list[int]], AbstractContextManager[Engine]],
    file: Path,
    ranks: Ranks,
    progress_bar: bool,
) -> list[list[int]]:
    """The model's completion of each prompt, in token ids, on the first rank; elsewhere nothing. All ranks call it.

    `engine` is given the places of the prompts that a rank answers. Answers of an earlier try that was interrupted, on
    whatever ranks, are taken over: each rank has its own file beside `file` until `forget_answers(file)`.
    """
    given = ranks.told(lambda: _taken_over(file))
    left = [place for place in range(len(asked)) if place not in given]
    shares = spread([len(asked[place]) + max_new_tokens for place in left], ranks.size)
    mine = [left[i] for i in sorted(shares[ranks.rank])]
    of_this_rank: dict[int, list[int]] = {}
    with (
        Progress(disable=not progress_bar or not ranks.first, transient=True) as progress,
        _answers(file, ranks.rank).open("a", encoding="utf-8") as kept,
    ):
        bar = progress.add_task("evaluating", total=len(mine))

        def keep(finished: Mapping[int, list[int]]) -> None:
            answers = {mine[i]: tokens for i, tokens in finished.items()}
            of_this_rank.update(answers)
            kept.writelines(map(_line, answers.items()))
            kept.flush()
            progress.update(bar, advance=len(answers))

        with in_step(model, ranks):
            if mine:
                with engine(mine) as of_mine:
                    of_mine.generate([asked[place] for place in mine], max_new_tokens, on_finished=keep)
    for answers in ranks.gathered(of_this_rank):
        given |= answers
    return [given[place] for place in range(len(asked))] if ranks.first else []


def forget_answers(file: Path) -> None:
    """To be called once what was made of them is in `file`."""
    for kept in _all_answers(file):
        kept.unlink()


def _taken_over(file: Path) -> dict[int, list[int]]:
    """What all ranks of an earlier try answered, which is now in the first one's file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    given: dict[int, list[int]] = {}
    for kept in _all_answers(file):
        for line in kept.read_text(encoding="utf-8").splitlines():
            if line.endswith("]]"):  # the last may be torn
                place, tokens = json.loads(line)
                given[place] = tokens
    first = _answers(file, 0)
    unfinished = first.with_suffix(".unfinished")
    unfinished.write_text("".join(map(_line, given.items())), encoding="utf-8")
    unfinished.replace(first)
    for kept in _all_answers(file):
        if kept != first:
            kept.unlink()
    return given


def _answers(file: Path, rank: int) -> Path:
    return file.with_suffix(f".{rank}.jsonl")


def _all_answers(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.stem}.*.jsonl"))


def _line(answer: tuple[int, list[int]]) -> str:
    return json.dumps(answer) + "\n"
