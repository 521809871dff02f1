"""Where runs are kept: opening the tracking store safely, and its experiments."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

from filelock import FileLock

# MLflow reads its environment at its import and at its first request. A dead server must not hold a run for minutes
# (247 s a call by default); what could not be written waits in the spool instead.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from src.errors import FathomError, OutOfReach
from src.tracking.client import AWAY_STATUSES, PatientClient
from src.tracking.relocation import follow_move
from src.tracking.secrets import redact
from src.tracking.storage_errors import storing

# An outage is said once, by PatientClient and by whoever keeps what waits; not at every retry of a request.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

SQLITE = "sqlite:///"
CONFIG = "config.json"  # the artifact that holds a run's configuration
ITEMS = "items.safetensors"  # the artifact that holds a point's metrics by test item
PROBE_SECONDS = 30  # a cold or busy server takes seconds; one that is not there refuses at once
CLOCKS_SECONDS = 60.0  # by how much two clocks may differ before it is said
PAGE = 1000  # runs at a time
PATIENCE_SECONDS = 600.0
# By this tag MLflow's UI opens a study as training runs; newer versions go by the browser instead (src/tracking/ui.py).
KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """An open tracking store. `root` holds locks and spools and, for a database without a server, the artifacts."""

    client: MlflowClient
    uri: str
    root: Path
    flush_seconds: float

    @property
    def at_once(self) -> MlflowClient:
        """The client without its patience: OutOfReach as soon as the store does not answer."""
        return cast(MlflowClient, self.client.at_once()) if isinstance(self.client, PatientClient) else self.client

    @property
    def database(self) -> Path | None:
        """The SQLite file, or None for every other store."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @property
    def locks(self) -> Path:
        """Where file locks lie: beside the SQLite file, so that all who share it share them; else under root."""
        return _locks(self.uri, self.root)

    def experiment(self, study: str) -> str:
        """The id of a study's experiment, which is made if there is none. Any number of processes may ask at once."""
        if study == "Default":
            raise FathomError("study=Default is MLflow's own experiment, which writes elsewhere: choose another name")
        found = self.client.get_experiment_by_name(study)
        if found is None:
            try:
                tags = {KIND: TRAINING}
                return str(self.client.create_experiment(study, artifact_location=self._artifacts(), tags=tags))
            except MlflowException:
                found = self.client.get_experiment_by_name(study)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise FathomError(
                f"study {study} was deleted in MLflow: restore its experiment (mlflow experiments restore "
                f"--experiment-id {found.experiment_id}) or choose another study"
            )
        if KIND not in found.tags:  # made by MLflow's own command or an older version of this project
            self.client.set_experiment_tag(found.experiment_id, KIND, TRAINING)
        return str(found.experiment_id)

    def runs(self, experiments: Sequence[str], condition: str = "", **more: Any) -> Iterator[Run]:
        """All runs of the experiments that meet an MLflow filter, page by page; `more` goes to MLflow's search_runs."""
        token = None
        while True:
            page = self.client.search_runs(list(experiments), condition, max_results=PAGE, page_token=token, **more)
            yield from page
            token = page.token
            if not token:
                return

    def _artifacts(self) -> str | None:
        """A tracking server keeps artifacts where it likes."""
        return (self.root / "artifacts").as_uri() if keeps_artifacts_under_root(self.uri) else None


def open_store(
    uri: str | None, root: Path, flush_seconds: float = 10.0, patience_seconds: float = PATIENCE_SECONDS
) -> Store:
    """The store at an MLflow tracking URI; `uri` None: SQLite at `<root>/mlflow.db`.

    Metrics are written at least every `flush_seconds`. A store that goes away later is waited for, `patience_seconds`
    at a time. Raises FathomError for a file store (MLflow refuses them) and a root that cannot be written to, and
    OutOfReach for a server that does not answer within seconds.
    """
    root = root.expanduser().resolve()
    with storing(root):
        root.mkdir(parents=True, exist_ok=True)
        uri = _absolute(uri or f"{SQLITE}{root / 'mlflow.db'}")
        client = _database_client(uri, root) if keeps_artifacts_under_root(uri) else _server_client(uri, root)
    patient = cast(MlflowClient, PatientClient(client, uri, root, patience_seconds))
    return Store(patient, uri, root, flush_seconds)


def open_existing(
    uri: str | None, root: Path, flush_seconds: float = 10.0, patience_seconds: float = PATIENCE_SECONDS
) -> Store:
    """The same for a command that reads: FathomError where no SQLite file is, in place of a new and empty one."""
    place = _absolute(uri or f"{SQLITE}{root / 'mlflow.db'}")
    if place.startswith(SQLITE) and not Path(place.removeprefix(SQLITE)).exists():
        key = "tracking.uri" if uri else "tracking.root"
        raise FathomError(f"there is no store at {place.removeprefix(SQLITE)}: check {key}, or run src/train.py first")
    return open_store(uri, root, flush_seconds, patience_seconds)


def _server_client(uri: str, root: Path) -> MlflowClient:
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    elif not uri.startswith("databricks"):
        raise FathomError(
            f"tracking.uri={redact(uri)} is no database and no server (MLflow keeps no runs in plain directories any "
            f"more): use sqlite:///<path>/mlflow.db, or null for {root}/mlflow.db"
        )
    return MlflowClient(tracking_uri=uri)


def _database_client(uri: str, root: Path) -> MlflowClient:
    """A client of a database whose tables are there and up to date.

    One process at a time: on a new database MLflow's own migrations collide.
    """
    locks = _locks(uri, root)
    locks.mkdir(parents=True, exist_ok=True)
    # It reports a new table, and shows the traceback of every error that it raises as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    if not uri.startswith(SQLITE):
        # By default a process keeps five connections, and a hundred workers more than a server has.
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "1")
    with FileLock(locks / "store.lock"):
        try:
            with storing(root):
                client = MlflowClient(tracking_uri=uri)
                client.search_experiments(max_results=1)
        except FathomError:
            raise
        except Exception as error:
            raise FathomError(
                f"the tracking store {redact(uri)} cannot be opened: {redact(_first_line(error))}; "
                "check tracking.uri, or move the database aside to begin a new one"
            ) from error
        if uri.startswith(SQLITE):
            # Readers and a writer no longer wait for each other. The mode stays in the file.
            with closing(sqlite3.connect(uri.removeprefix(SQLITE), timeout=20)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            follow_move(Path(uri.removeprefix(SQLITE)), root / "artifacts")
    return client


def _probe(uri: str) -> None:
    """Raises FathomError unless an MLflow server answers at `uri` and accepts our credentials."""
    shown = redact(uri)
    try:
        answer: Any = http_request(
            get_default_host_creds(uri),
            "/api/2.0/mlflow/experiments/search",
            "GET",
            params={"max_results": 1},
            timeout=PROBE_SECONDS,
            max_retries=0,
            raise_on_status=False,
        )
    except Exception as error:
        raise OutOfReach(
            f"no tracking server answers at {shown} ({_reason(error)}): start it or correct tracking.uri, "
            "or set tracking.uri=null to keep runs in a local file"
        ) from error
    if answer.status_code in (401, 403):
        raise FathomError(
            f"the tracking server at {shown} refuses access (status {answer.status_code}): set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the environment"
        )
    if answer.status_code in AWAY_STATUSES:
        raise OutOfReach(
            f"the tracking server at {shown} is away (status {answer.status_code}): wait for it, or start it"
        )
    if answer.status_code != 200:
        raise FathomError(
            f"what answers at {shown} is no MLflow tracking server (status {answer.status_code}): correct tracking.uri"
        )
    _compare_clocks(shown, answer.headers.get("Date"))


def _compare_clocks(shown: str, date: str | None) -> None:
    """Heartbeats of several machines are read by each one's own clock."""
    ahead = time.time() - parsedate_to_datetime(date).timestamp() if date else 0.0
    if abs(ahead) > CLOCKS_SECONDS:
        log.warning(
            "this machine's clock is %.0f s %s that of the tracking server at %s: set both by a time server",
            *(abs(ahead), "ahead of" if ahead > 0 else "behind", shown),
        )


def keeps_artifacts_under_root(uri: str) -> bool:
    """Of an absolute tracking URI: those of databases do, and a server keeps artifacts where it likes."""
    return uri.startswith(("sqlite:", "postgresql", "mysql", "mssql"))


def _locks(uri: str, root: Path) -> Path:
    return (Path(uri.removeprefix(SQLITE)).parent if uri.startswith(SQLITE) else root) / "locks"


def _absolute(uri: str) -> str:
    """SQLite files by their absolute path, so that the working directory no longer matters."""
    return f"{SQLITE}{Path(uri.removeprefix(SQLITE)).expanduser().resolve()}" if uri.startswith(SQLITE) else uri


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _reason(error: BaseException) -> str:
    text = str(error)
    for phrase in ("Connection refused", "timed out", "Name or service not known", "certificate"):
        if phrase in text:
            return phrase.lower()
    return redact(_first_line(error))
