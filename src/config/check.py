"""One check for every command's configuration, before anything heavy loads."""

from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from src.errors import FathomError

# pydantic puts the chosen member of a union into an error's place; it is no key of the configuration.
DISCRIMINATED = {
    *("tiny", "hub", "full", "lora", "qlora", "in_context", "greedy", "hf", "sampled", "server"),
    *("openai", "local", "likelihood"),
    *("mlflow", "files"),
}


# What a pattern asks for, in words: a sentence shows no regular expression.
IN_WORDS = {
    r"^\d{4}-\d{2}-\d{2}$": "should be a day as 2026-01-31",
    r"^([01]\d|2[0-3]):[0-5]\d$": "should be hour and minute as 02:30",
    r"^https?://": "should begin with http:// or https://",
    r"^[\w .\-]+$": "should have letters, digits, blanks, dots, hyphens and underscores alone",
}

Command = TypeVar("Command", bound=BaseModel)


def check(config: DictConfig, command: type[Command]) -> Command:
    """The typed configuration, or a FathomError with one line for each key that is wrong."""
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise FathomError(f"{error.full_key or 'config'}: {str(error).splitlines()[0]}") from error
    try:
        return command.model_validate(resolved)
    except ValidationError as error:
        raise FathomError("\n".join(sentence(problem) for problem in error.errors())) from error


def sentence(problem: Any, *section: str) -> str:
    key = ".".join(str(part) for part in (*section, *problem["loc"]) if part not in DISCRIMINATED)
    if problem["type"] == "extra_forbidden":
        return f"{key}: there is no such key"
    if problem["type"] == "missing":
        return f"{key}: is missing"
    asked = problem.get("ctx", {}).get("pattern")
    message = IN_WORDS[asked] if asked else problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) or given is None else ""
    if not key:  # two sections that do not go together
        return message
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"
