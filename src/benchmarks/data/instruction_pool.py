"""Instructions with responses, to finetune on: the files of Dolly, Conifer, ShareGPT and LIMA as they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.data.hub_files import dataset_files
from src.benchmarks.data.jsonl_files import read_jsonl
from src.benchmarks.data.parquet_files import read_parquet

_USERS, _MODELS = ("user", "human"), ("assistant", "gpt")


def instruction_pool(file: Path | None, repo: str | None = None, pattern: str = "*.jsonl") -> list[Example]:
    """The rows of a JSON Lines file or, where `file` is None, of the hub data set `repo`, each once.

    A row has one of these forms; other fields are ignored:

    - `instruction`, `response` and perhaps `context`, which is put under the instruction (Dolly);
    - `prompt`, `response`;
    - `messages` or `conversations`: a list of {role, content} (Conifer), of {from, value} (ShareGPT) or of texts in
      turn (LIMA). Only the first exchange is taken, with the system message, if there is one, above the prompt.

    `pattern` names the files of `repo`, JSON Lines or parquet. `gold` is the response. Raises BadData.
    """
    if file is None and repo is None:
        raise BadData("there is nothing to finetune on: set benchmark.pool_file or benchmark.pool_repo.")
    if file is not None:
        files = [file]
    else:
        instead = "Point benchmark.pool_file at a JSON Lines file with the fields instruction and response."
        files = dataset_files(str(repo), pattern, instead)
    examples = [_example(row, f"{name}, line {i}") for name in files for i, row in enumerate(_rows(name), start=1)]
    return list(dict.fromkeys(examples))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    return read_parquet([file]) if file.suffix == ".parquet" else read_jsonl(file, {})


def _example(row: dict[str, Any], place: str) -> Example:
    turns = row.get("messages") or row.get("conversations")
    if turns:
        prompt, response = _first_exchange(turns, place)
    else:
        prompt, response = row.get("instruction", row.get("prompt")), row.get("response")
        if row.get("context"):
            prompt = f"{prompt}\n\n{row['context']}"
    if not _is_text(prompt) or not _is_text(response):
        raise BadData(
            f"{place}: no {'response' if _is_text(prompt) else 'instruction'}. A row has instruction (or prompt) and "
            "response, or a list of messages with a user's turn and an assistant's."
        )
    return Example(prompt, response, gold=response)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _first_exchange(turns: list[Any], place: str) -> tuple[str | None, str | None]:
    """The first user's turn, under the system message before it, and the assistant's turn after it."""
    if all(isinstance(turn, str) for turn in turns):
        return turns[0], turns[1] if len(turns) > 1 else None
    system, prompt = "", None
    for turn in turns:
        if not isinstance(turn, dict):
            raise BadData(f"{place}: a turn is a {type(turn).__name__} where role and content are needed.")
        role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
        if role == "system" and prompt is None and text:
            system = f"{text}\n\n"
        elif role in _USERS and prompt is None:
            prompt = f"{system}{text}" if text else None
        elif role in _MODELS and prompt is not None:
            return prompt, text
    return prompt, None
