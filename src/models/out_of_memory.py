"""Memory that has run out, told in a sentence whichever allocator met it."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from src.errors import FathomError

# torch raises a type of its own for an accelerator's memory alone; for the rest there are these words.
RAN_OUT_IN_WORDS = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+) (\w+)")


class OutOfMemory(FathomError):
    """More memory was asked for than there is."""


@contextmanager
def within_memory(doing: str, instead: str, error_type: type[OutOfMemory] = OutOfMemory) -> Iterator[None]:
    """Within (or in a function so decorated), an error that means that memory has run out becomes one of `error_type`.

    Its sentence says what was being done, how much was asked for, and what to do `instead`.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in RAN_OUT_IN_WORDS):
            raise
        raise error_type(f"memory ran out while {doing}{_asked(str(error))}: {instead}") from error


def free_memory() -> None:
    """Give back what nothing refers to any more. Lightning's objects refer to one another: they wait for this."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _asked(message: str) -> str:
    found = ASKED.search(message)
    if found is None:
        return ""
    number, unit = found.groups()
    return f" ({int(number) / 2**30:.2f} GiB more)" if unit == "bytes" else f" ({number} {unit} more)"
