"""One point: finetune a base on n examples, evaluate it, keep everything in MLflow."""

import logging
from shutil import rmtree

from src.config.method import InContext
from src.config.train import TrainConfig
from src.evaluation.contamination import contamination
from src.evaluation.measure import measure
from src.evaluation.standard import measure_standard
from src.models.prompt import PromptFormat
from src.modules.cluster import global_rank
from src.modules.training import compute_dtype, prepare_torch
from src.points.draw import draw, shots_that_fit
from src.points.export import load_export
from src.points.first_step import show_first_step
from src.points.point import Point, identify
from src.points.start import Start, first_weights
from src.points.train import train
from src.sweeps.job import SweepJob
from src.tracking.ownership import is_complete
from src.tracking.runs import Run, claim
from src.tracking.store import open_store
from src.tracking.tags import FIRST

log = logging.getLogger(__name__)


def finetune(config: TrainConfig) -> None:
    """Run the point that `config` describes, unless its result is there already."""
    point = identify(config)
    if config.show == "batch":
        show_first_step(point)
        return
    job = SweepJob.of_this_process()
    job.check_unchanged(point.key)
    run_point(point.telling(job.untold), job)


def run_point(point: Point, job: SweepJob) -> str:
    """The id of the point's run, which is complete; empty in a further rank, where nothing is recorded."""
    config = point.config
    device = prepare_torch(config.trainer)
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    start = Start(point.base, first_weights(store, point, lambda first: run_point(first, job)))
    work = config.tracking.root.resolve() / "work" / point.key  # what is needed only until the point is complete
    prompts = PromptFormat(point.base.tokenizer(), config.model.plain_prompt)
    if global_rank(config.trainer) > 0:
        # The first rank keeps the books. It clears its work only once the run is complete: so look in this order.
        trained = not config.trains or (work / "export").exists()
        if not trained and not is_complete(store, config.study, point.key):
            train(point, start, draw(point, prompts), work, lambda *_: None)
        return ""

    with claim(
        store,
        key=point.key,
        kind="finetune",
        study=config.study,
        name=point.name,
        parent=job.parent,
        params=point.params,
        tags={"fathom.overrides": " ".join(job.overrides)} | ({FIRST: point.first.key} if point.first else {}),
    ) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", point.name, run.id)
            return run.id
        run.log_dict(config.model_dump(mode="json"), "config.json")
        _log_data(point, run)

        drawn = draw(point, prompts)
        in_context = isinstance(config.method, InContext)
        shots = shots_that_fit(point, drawn, prompts) if in_context else []
        if config.trains:
            train(point, start, drawn, work, sink=run.log_metrics)
            model, tokenizer = load_export(start.load, work / "export", compute_dtype(config.trainer))
        else:
            model, tokenizer = start.load(compute_dtype(config.trainer))
        result = measure(model, tokenizer, config.benchmark, point.test, config, device, shots)
        run.log_table("predictions", result.rows)
        items = dict(result.items)
        facts = result.metrics | contamination(drawn.examples, point.test)
        facts |= {"n_examples": config.n_examples, "model/parameters": sum(p.numel() for p in model.parameters())}
        if in_context:
            facts["eval/examples_in_context"] = len(shots)
        if config.n_examples == 0:
            asked = measure_standard(model, tokenizer, config.benchmark, point.test, config, point.base.context_tokens)
            if asked is not None:
                run.log_table("predictions_standard", asked.rows)
                facts |= asked.metrics
                items |= asked.items
        for name, (benchmark, test) in point.also.items():
            other = measure(model, tokenizer, benchmark, test, config, device, shots)
            run.log_table(f"predictions_{name}", other.rows)
            facts |= {f"also/{name}/{metric.removeprefix('eval/')}": x for metric, x in other.metrics.items()}
            items |= {f"also/{name}/{metric.removeprefix('eval/')}": of for metric, of in other.items.items()}
        run.log_items(items)

        if (work / "export").exists() and config.tracking.save_model:
            run.log_artifacts(work / "export", "model")
        run.complete(facts)
    rmtree(work, ignore_errors=True)
    log.info("%s: %s, run %s", point.name, result, run.id)
    return run.id


def _log_data(point: Point, run: Run) -> None:
    tested, trained_on = point.config.benchmark, point.trained_on
    if point.config.n_examples:
        source = type(trained_on).__module__
        run.log_dataset(f"{trained_on.name} pool", point.pool_digest, source, "training", len(point.pool))
    source = type(tested).__module__
    run.log_dataset(f"{tested.name} test", point.test_digest, source, "evaluation", len(point.test))
