"""A run again, from what MLflow holds of it: the configuration that it had, run as its own command would run it."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from src.config.eval import EvalConfig
from src.config.kept import restored
from src.config.measuring import Measuring
from src.config.prefer import PreferConfig
from src.config.rerun import RerunConfig
from src.config.tracking import Tracking
from src.config.train import TrainConfig
from src.errors import FathomError
from src.modules.cluster import global_rank
from src.points.base import find_base
from src.points.keys import digests_of
from src.points.point import identify
from src.tasks import evaluate as evaluation
from src.tasks.evaluate import evaluate
from src.tasks.finetune import finetune
from src.tasks.prefer import prefer
from src.tracking import tags as tag
from src.tracking.provenance import provenance
from src.tracking.query import find_run, read_json
from src.tracking.store import CONFIG, Store, open_existing

log = logging.getLogger(__name__)


class _Kind(NamedTuple):
    """How runs of a kind are run again; `digests` says what of that would be in them now, as their params do."""

    command: type[Measuring]
    task: Callable[[Any], None]
    digests: Callable[[Any], Mapping[str, Any]]


def _of_point(config: TrainConfig) -> Mapping[str, Any]:
    return identify(config).params


def _of_evaluation(config: EvalConfig) -> Mapping[str, Any]:
    return digests_of(evaluation.TASK, config, find_base(config.model, config.trainer, config.tracking))


KINDS = {
    "finetune": _Kind(TrainConfig, finetune, _of_point),
    "evaluate": _Kind(EvalConfig, evaluate, _of_evaluation),
    "preference": _Kind(PreferConfig, prefer, _of_point),
}
DIGESTS = {"digest.base": "base weights", "digest.pool": "examples to draw from", "digest.test": "test items"}


def rerun(config: RerunConfig) -> None:
    """Run it, unless what it would give is complete in its study already, and say before what is not as it was."""
    store = _store_of(config)
    run = find_run(store, config.run_id)
    tags, params = run.data.tags, run.data.params
    kind = KINDS.get(tags.get(tag.KIND, ""))
    if kind is None:
        raise FathomError(
            f"run_id: {config.run_id} is of kind {tags.get(tag.KIND)}, and src/rerun.py runs {', '.join(KINDS)} again; "
            f"its command was: {tags.get(tag.COMMAND, 'not kept')}"
        )
    again = _configuration(config, store, run.info.run_id, kind.command)
    if global_rank(again.trainer) == 0:
        for difference in _differences(tags, params, kind.digests(again)):
            log.warning("run %s was made with %s: numbers may differ", run.info.run_id, difference)
    kind.task(again)


def _store_of(config: RerunConfig) -> Store:
    """The store that has the run."""
    tracking: Tracking = config.tracking
    uri, root = tracking.uri, tracking.root
    if config.source is not None:
        uri, root = (config.source, root) if "://" in config.source else (None, Path(config.source))
        if uri is None and not (root / "mlflow.db").exists():
            raise FathomError(f"from: {root} holds no mlflow.db, which a tracking root does")
    return open_existing(uri, root, tracking.flush_seconds, tracking.patience_seconds)


def _configuration(config: RerunConfig, store: Store, run_id: str, command: type[Measuring]) -> Measuring:
    values = read_json(store, run_id, CONFIG)
    try:
        return restored(values, config.overrides, config.tracking, command)
    except FathomError as error:
        raise FathomError(
            f"the configuration that run {run_id} had does not hold here; a key=value of it on the command line says "
            f"what holds instead (benchmark.path=…, for a file):\n{error}"
        ) from error


def _differences(tags: Mapping[str, str], params: Mapping[str, str], digests: Mapping[str, Any]) -> Iterator[str]:
    """What the run was made with that is another now, in words."""
    now = provenance()
    if params.get("digest.code", digests["digest.code"]) != digests["digest.code"]:
        yield f"other code (commit {_commit(tags)}; now {_commit(now)})"
    for name, what in DIGESTS.items():
        if name in params and name in digests and params[name] != digests[name]:
            yield f"other {what}"
    before, after = (json.loads(of.get(tag.VERSIONS, "{}")) for of in (tags, now))
    others = [
        f"{name} {before[name]}, now {after[name]}" for name in before if after.get(name, before[name]) != before[name]
    ]
    if others:
        yield f"other versions ({'; '.join(others)})"
    if tags.get(tag.DEVICE, now[tag.DEVICE]) != now[tag.DEVICE]:
        yield f"another device ({tags[tag.DEVICE]}; now {now[tag.DEVICE]})"


def _commit(tags: Mapping[str, str]) -> str:
    if tag.COMMIT not in tags:
        return "unknown"
    return tags[tag.COMMIT][:10] + (" with changes" if tags.get(tag.DIRTY) == "true" else "")
