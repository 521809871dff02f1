"""Where a hub model's files are: a local directory, the local cache, or a download."""

from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from src.errors import FathomError
from src.hub import cached, require_hub

WANTED = ["*.json", "*.safetensors", "tokenizer*", "*.model"]


def require_access(path: str, revision: str | None) -> None:
    """Raise a FathomError unless the model at `path` (a local directory or a hub id) is here or can be downloaded.

    The sentence says what would help: licence and login, a network, or a local directory. Downloads nothing.
    """
    if here(path, revision) is not None:
        return
    remedy = (
        f"Accept the licence at {constants.ENDPOINT}/{path}, then `hf auth login` or set HF_TOKEN; "
        "or point model.path at a local directory that holds the model (config.json, *.safetensors, tokenizer files)."
    )
    require_hub(f"model {path}", f"Get a network connection. {remedy}")
    try:
        HfApi().auth_check(path)
    except GatedRepoError as error:
        raise FathomError(f"model {path} is gated and this machine has no access to it. {remedy}") from error
    except RepositoryNotFoundError as error:
        raise FathomError(f"model {path} is not on the hub, or is private. {remedy}") from error
    except HfHubHTTPError as error:
        raise FathomError(f"model {path}: the hub answers {error}. {remedy}") from error


def locate(path: str, revision: str | None) -> Path:
    """The directory that holds the model's config, weights and tokenizer; downloaded where it is not here yet."""
    require_access(path, revision)
    return here(path, revision) or Path(snapshot_download(path, revision=revision, allow_patterns=WANTED))


def here(path: str, revision: str | None) -> Path | None:
    """The directory of the model where it need not be downloaded."""
    local = Path(path).expanduser()
    return local.resolve() if (local / "config.json").is_file() else cached(path, "model", WANTED, revision)
