"""The Hugging Face hub: what of a repository lies in the local cache, and whether the rest can be asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from huggingface_hub import constants, get_session, is_offline_mode, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from src.errors import FathomError

PROBE_SECONDS = 5.0


def cached(
    repo: str, kind: Literal["model", "dataset"], patterns: Sequence[str], revision: str | None = None
) -> Path | None:
    """The directory in the cache that holds the files of `repo` that match; None without one. No network is asked."""
    try:
        found = snapshot_download(
            repo, repo_type=kind, revision=revision, allow_patterns=list(patterns), local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    return Path(found)


def require_hub(what: str, instead: str) -> None:
    """Raise a FathomError unless the hub may be asked for `what` and answers; it ends in `instead`, what else would do.

    Without this probe the libraries retry for most of a minute before they give up.
    """
    if is_offline_mode():
        raise FathomError(f"{what} is not in the local cache and HF_HUB_OFFLINE is set. {instead}")
    try:
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception as error:
        raise FathomError(
            f"{what} is not in the local cache and the hub at {constants.ENDPOINT} does not answer. {instead}"
        ) from error


@contextmanager
def without_downloads() -> Iterator[None]:
    """Within, the hub counts as out of reach: what is not in the local cache is not there."""
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
