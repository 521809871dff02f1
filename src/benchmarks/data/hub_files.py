"""A data set's files from the Hugging Face hub: the local cache first, then a download."""

from pathlib import Path

from src.benchmarks.benchmark import BadData


def dataset_files(repo: str, pattern: str, instead: str) -> list[Path]:
    """The files of the data set `repo` that match `pattern`, in order of their names.

    What the cache holds is used without asking the network. Raises a FathomError, which ends in `instead`: what the
    user can do without the hub.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    from src.hub import cached, require_hub

    here = cached(repo, "dataset", [pattern])
    if here is not None and (files := sorted(here.glob(pattern))):
        return files
    require_hub(f"data set {repo}", instead)
    try:
        downloaded = snapshot_download(repo, repo_type="dataset", allow_patterns=[pattern])
    except (HfHubHTTPError, OSError) as error:
        raise BadData(f"data set {repo} could not be downloaded: {str(error).splitlines()[0]}. {instead}") from error
    files = sorted(Path(downloaded).glob(pattern))
    if not files:
        raise BadData(f"data set {repo} on the hub has no files {pattern}. {instead}")
    return files
