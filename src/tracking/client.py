"""MLflow's client as the rest of tracking sees it: it waits while the store is away, and full disks are sentences."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from src.errors import FathomError, OutOfReach
from src.tracking.secrets import redact
from src.tracking.storage_errors import storing

# What a server behind a proxy answers while it is down.
AWAY_STATUSES = {502, 503, 504}
# No connection, no answer in time, or one that breaks off.
AWAY = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.RetryError,
    requests.exceptions.ChunkedEncodingError,
)
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 15.0

log = logging.getLogger(__name__)


class PatientClient:
    """An MlflowClient that asks again while the store is away, up to `patience_seconds` a call.

    Then it raises OutOfReach. An error of the storage under `root` becomes a FathomError at once.
    """

    def __init__(self, client: MlflowClient, uri: str, root: Path, patience_seconds: float) -> None:
        self._client = client
        self._uri = uri
        self._root = root
        self._patience = patience_seconds

    def at_once(self) -> "PatientClient":
        """The same client without patience."""
        return PatientClient(self._client, self._uri, self._root, 0.0)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: self._call(method, args, kwargs)

    def _call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        since, wait = time.monotonic(), FIRST_WAIT_SECONDS
        while True:
            try:
                with storing(self._root):
                    return method(*args, **kwargs)
            except Exception as error:
                if not _is_outage(error):
                    raise
                left = self._patience - (time.monotonic() - since)
                if left <= 0:
                    raise OutOfReach(
                        f"the tracking store {redact(self._uri)} does not answer: start it and run the same command "
                        "again; it goes on where this one stopped"
                    ) from error
                if wait == FIRST_WAIT_SECONDS:
                    log.warning("the tracking store %s does not answer; waiting for it", redact(self._uri))
            time.sleep(min(wait, left))
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _is_outage(error: BaseException | None) -> bool:
    """Whether an error means that the store is away for now: no connection, no answer in time, or a busy database."""
    while error is not None:
        if isinstance(error, FathomError):
            return False
        if isinstance(error, AWAY):
            return True
        if isinstance(error, MlflowException):
            # MLflow says TEMPORARILY_UNAVAILABLE (503) for every OperationalError of a database.
            away = "sqlite3" not in str(error) or "is locked" in str(error)
            if away and error.get_http_status_code() in AWAY_STATUSES:
                return True
        error = error.__cause__ or error.__context__
    return False
