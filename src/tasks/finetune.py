"""One point: finetune a base on n examples, evaluate it, keep everything in MLflow."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import numpy as np
import torch

from src.config.kept import kept
from src.config.method import InContext
from src.config.train import TrainConfig
from src.evaluation.completions import complete, read_completions
from src.evaluation.contamination import contamination
from src.evaluation.scoring import score, score_standard
from src.evaluation.standard import complete_standard
from src.models.prompt import PromptFormat, Shot
from src.modules.metric_logger import Sink
from src.modules.ranks import Ranks
from src.modules.training import prepare_torch
from src.points.draw import Drawn, draw, shots_that_fit
from src.points.export import merge
from src.points.first_step import show_first_step
from src.points.full_disk import writing
from src.points.keys import OWN, STANDARD
from src.points.point import Point, identify
from src.points.start import WEIGHTS, Start, first_weights
from src.points.train import train
from src.sweeps.job import SweepJob
from src.tracking import tags as tag
from src.tracking.ownership import key_lock
from src.tracking.provenance import command_line
from src.tracking.query import Kept, fetch, runs_with
from src.tracking.runs import Run, claim
from src.tracking.store import CONFIG, Store, open_store

# What a run says of training, and one that takes its weights or its completions says too.
OF_TRAINING = ("train/", "val/", "lr_", "data/val_examples", "time/train_seconds")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Left:
    """What is left to do before scores are given; the first rank tells the others.

    `train` weights, or take those in the directory `weights` (None: what the point starts from); then ask them for the
    completions of the names in `unanswered`, with `shots` in front of every prompt.
    """

    train: bool
    weights: Path | None
    unanswered: list[str]
    shots: list[Shot]


def finetune(config: TrainConfig) -> None:
    """Run the point that `config` describes, unless its result is there already."""
    point = identify(config)
    if config.show == "batch":
        show_first_step(point)
        return
    job = SweepJob.of_this_process()
    job.check_unchanged(point.key)
    with job.time_limit():
        run_point(point.telling(job.untold), job)


def run_point(point: Point, job: SweepJob) -> str:
    """The id of the point's run, which is complete; empty in a further rank, where nothing is recorded."""
    config = point.config
    device = prepare_torch(config.trainer)
    tracking = config.tracking
    store = open_store(tracking.uri, tracking.root, tracking.flush_seconds, tracking.patience_seconds)
    work = tracking.root.resolve() / "work" / point.work  # what is needed only until the point is complete
    prompts = PromptFormat(point.base.tokenizer(), config.model.plain_prompt)

    def start() -> Start:
        return Start(point.base, first_weights(store, point, lambda first: run_point(first, job)))

    ranks = Ranks(config.trainer)
    if not ranks.first:  # the first keeps the books, and says what is left to do
        if left := ranks.told(lambda: None):
            _do(left, point, start(), draw(point, prompts), work, device, sink=lambda *_: None)
        return ""

    tags = {
        tag.COMMAND: command_line(job.overrides),
        tag.WEIGHTS: point.weights,
        tag.COMPLETIONS: " ".join(point.completions.values()),
        **({tag.FIRST: point.first.weights} if point.first else {}),
    }
    with claim(
        store,
        key=point.key,
        kind="finetune",
        study=config.study,
        name=point.name,
        parent=job.parent,
        params=point.params,
        tags=tags,
    ) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", point.name, run.id)
            ranks.dismiss()
            return run.id
        run.log_dict(kept(config), CONFIG)
        _log_data(point, run)
        with key_lock(store, point.work, point.name):  # other points may be made of the same weights
            drawn = draw(point, prompts)
            shots = shots_that_fit(point, drawn, prompts) if isinstance(config.method, InContext) else []
            earlier = _with_these_weights(store, point)
            if config.trains and earlier:
                run.log_metrics(*_of_training(earlier[0]))
            completions = _completions_of(earlier, store, point, work, run)
            left = _left(point, completions, shots, earlier, store, work, run)
            if left:
                begin = start()  # before the other ranks are started: it may not be there
                ranks.told(lambda: left)
                _do(left, point, begin, drawn, work, device, sink=run.log_metrics)
                if left.train and config.save != "none":
                    run.log_artifacts(_to_keep(config, begin, work), WEIGHTS, final=True)
            else:
                ranks.dismiss()
            facts = _scored(point, completions, run) | contamination(drawn.examples, point.test)
            facts |= {"n_examples": config.n_examples}
            if isinstance(config.method, InContext):
                facts["eval/examples_in_context"] = len(shots)
            run.complete(facts)
            rmtree(work, ignore_errors=True)
    return run.id


def _log_data(point: Point, run: Run) -> None:
    tested, trained_on = point.config.benchmark, point.trained_on
    if point.config.n_examples:
        source = type(trained_on).__module__
        run.log_dataset(f"{trained_on.name} pool", point.pool_digest, source, "training", len(point.pool))
    source = type(tested).__module__
    run.log_dataset(f"{tested.name} test", point.test_digest, source, "evaluation", len(point.test))


def _with_these_weights(store: Store, point: Point) -> list[Kept]:
    """The complete points of the study that differ from this one in what they answered or how it was scored."""
    runs = runs_with(store, [store.experiment(point.config.study)], tag.WEIGHTS, point.weights)
    return [run for run in runs if run.kind == "finetune"]


def _of_training(earlier: Kept) -> tuple[dict[str, float], int]:
    """The last values of what a point said of its training, and its number of steps."""
    said = {name: value for name, value in earlier.metrics.items() if name.startswith(OF_TRAINING)}
    return said, int(said.get("train/optimizer_steps", 0))


def _completions_of(earlier: Sequence[Kept], store: Store, point: Point, work: Path, run: Run) -> dict[str, Path]:
    """By name of what is evaluated the file of its completions, which is there if an earlier point has them."""
    files = {name: work / f"{key}.json" for name, key in point.completions.items()}
    taken = {}
    for name, key in point.completions.items():
        having = [of.run_id for of in earlier if key in of.tags[tag.COMPLETIONS]]
        if source := fetch(store, having, f"completions/{key}.json", files[name]):
            taken[source] = name
    if taken:
        run.set_tags({tag.COMPLETIONS_OF: " ".join(taken)})
    return files


def _left(
    point: Point,
    completions: Mapping[str, Path],
    shots: list[Shot],
    earlier: Sequence[Kept],
    store: Store,
    work: Path,
    run: Run,
) -> _Left | None:
    """The weights, unless what they answer is there; then the completions. None: all is there but the scores."""
    unanswered = [name for name, file in completions.items() if not file.exists()]
    if not point.config.trains:
        return _Left(False, None, unanswered, shots) if unanswered else None
    if earlier and not unanswered:
        return None
    kept = fetch(store, [of.run_id for of in earlier], WEIGHTS, work / "kept")
    if kept:
        run.set_tags({tag.WEIGHTS_OF: kept})
        return _Left(False, work / "kept", unanswered, shots)
    if earlier:
        log.warning(
            "%s: run %s has trained these weights but did not keep them (save=none): training again",
            point.name,
            earlier[0].run_id,
        )
    return _Left(True, work / "export", unanswered, shots)


def _do(left: _Left, point: Point, start: Start, drawn: Drawn, work: Path, device: torch.device, sink: Sink) -> None:
    """What is left before scores are given, on every rank."""
    config = point.config
    if left.train:
        train(point, start, drawn, work, sink)
    if not left.unanswered:
        return
    of = Start(start, left.weights) if left.weights else start
    model, tokenizer = of.load_to_measure(config.trainer, device)
    for name in left.unanswered:
        benchmark, test = point.evaluated[OWN if name == STANDARD else name]
        asked = model, tokenizer, benchmark, test, config, device
        file = work / f"{point.completions[name]}.json"
        if name == STANDARD:
            complete_standard(*asked, point.base.context_tokens, file)
        else:
            complete(*asked, left.shots, file)


def _to_keep(config: TrainConfig, start: Start, work: Path) -> Path:
    """The directory of the weights that are kept."""
    if not config.merges:
        return work / "export"
    with writing(work):
        merge(start.load, work / "export", work / "merged")
    return work / "merged"


def _scored(point: Point, completions: Mapping[str, Path], run: Run) -> dict[str, float]:
    """Log every answer and its score, and return the metrics."""
    metrics: dict[str, float] = {}
    items: dict[str, np.ndarray] = {}
    for name, (benchmark, test) in point.evaluated.items():
        answered = read_completions(completions[name])
        result = score(benchmark, test, answered, point.config.generation)
        log.info("%s: %s on %s, run %s", point.name, result, benchmark.name, run.id)
        run.log_file(completions[name], "completions")
        run.log_table(f"predictions_{name}" if name else "predictions", result.rows)
        metrics |= {_named(name, metric): value for metric, value in result.metrics.items()}
        items |= {_named(name, metric): values for metric, values in result.items.items()}
    if STANDARD in completions:
        answered = read_completions(completions[STANDARD])
        as_standard = score_standard(point.config.benchmark, point.test, answered)
        run.log_file(completions[STANDARD], "completions")
        if as_standard is not None:
            run.log_table("predictions_standard", as_standard.rows)
            metrics, items = metrics | as_standard.metrics, items | as_standard.items
    run.log_items(items)
    return metrics | {"model/parameters": answered.parameters}


def _named(name: str, metric: str) -> str:
    return f"also/{name}/{metric.removeprefix('eval/')}" if name else metric
