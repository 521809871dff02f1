"""A data set's files from the Hugging Face hub: the local cache first, then a download."""

import os
from pathlib import Path

from src.benchmarks.benchmark import BadData

PROBE_SECONDS = 5.0


def dataset_files(repo: str, pattern: str, instead: str) -> list[Path]:
    """The files of the data set `repo` that match `pattern`, in order of their names.

    What the cache holds is used without asking the network. Raises BadData, which ends in `instead`: what the user can
    do without the hub.
    """
    from huggingface_hub import constants, get_session, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        cached = snapshot_download(repo, repo_type="dataset", allow_patterns=[pattern], local_files_only=True)
        if files := sorted(Path(cached).glob(pattern)):
            return files
    except LocalEntryNotFoundError:
        pass
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in constants.ENV_VARS_TRUE_VALUES:
        raise BadData(f"data set {repo} is not in the local cache and HF_HUB_OFFLINE is set. {instead}")
    try:
        # Without this probe the libraries retry for most of a minute before they give up.
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception as error:
        raise BadData(
            f"data set {repo} is not in the local cache and the hub at {constants.ENDPOINT} does not answer. {instead}"
        ) from error
    try:
        downloaded = snapshot_download(repo, repo_type="dataset", allow_patterns=[pattern])
    except (HfHubHTTPError, OSError) as error:
        raise BadData(f"data set {repo} could not be downloaded: {str(error).splitlines()[0]}. {instead}") from error
    files = sorted(Path(downloaded).glob(pattern))
    if not files:
        raise BadData(f"data set {repo} on the hub has no files {pattern}. {instead}")
    return files
