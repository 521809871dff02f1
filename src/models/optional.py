"""A library that only some choices need."""

from types import ModuleType

from src.errors import FathomError


def bitsandbytes(needed_by: str) -> ModuleType:
    """The library, imported now. Raises FathomError where it is not installed."""
    try:
        import bitsandbytes
    except ImportError as error:
        raise FathomError(
            f"{needed_by} needs bitsandbytes: pip install -c constraints.txt -e '.[low_memory]'"
        ) from error
    return bitsandbytes
