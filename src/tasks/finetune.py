"""One point: finetune a base on n examples, evaluate it, keep everything in MLflow."""

import logging
import os
import time
from pathlib import Path
from shutil import rmtree

from src.config.method import InContext, Lora
from src.config.train import TrainConfig
from src.evaluation.contamination import contamination
from src.evaluation.measure import measure
from src.models.lora import add_adapters
from src.models.prompt import PromptFormat
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.metric_logger import Sink
from src.modules.training import fit, prepare_torch
from src.points.draw import Drawn, draw, shots_that_fit, training_data
from src.points.export import export, load_export
from src.points.first_step import show_first_step
from src.points.full_disk import writing
from src.points.point import Point, identify
from src.points.start import Start, first_weights
from src.sweeps.job import SweepJob
from src.tracking.runs import Run, claim
from src.tracking.store import open_store

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
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        # A further rank of data-parallel training: it trains along, the first one keeps the books.
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
        tags={"fathom.overrides": " ".join(job.overrides)},
    ) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", point.name, run.id)
            return run.id
        run.log_dict(config.model_dump(mode="json"), "config.json")
        _log_data(point, run)

        drawn = draw(point, prompts)
        in_context = isinstance(config.method, InContext)
        shots = shots_that_fit(point, drawn, prompts) if in_context else []
        if config.n_examples and not in_context:
            train(point, start, drawn, work, sink=run.log_metrics)
            model, tokenizer = load_export(start.load, work / "export")
        else:
            model, tokenizer = start.load()
        result = measure(model, tokenizer, config.benchmark, point.test, config, device, shots)
        run.log_table("predictions", result.rows)
        items = dict(result.items)
        facts = result.metrics | contamination(drawn.examples, point.test)
        facts |= {"n_examples": config.n_examples, "model/parameters": sum(p.numel() for p in model.parameters())}
        if in_context:
            facts["eval/examples_in_context"] = len(shots)
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


def train(point: Point, start: Start, drawn: Drawn, work: Path, sink: Sink) -> None:
    """Finetune from the start on what was drawn and leave the weights in `work`/export, unless a try got that far.

    An earlier try's newest checkpoint is gone on from. Metrics go to `sink(metrics, step)`.
    """
    if (work / "export").exists():
        return
    config, recipe = point.config, point.config.recipe
    model, tokenizer = start.load()
    data = training_data(point, drawn)
    if config.trainer.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if isinstance(config.method, Lora):
        model = add_adapters(model, config.method, config.seed)
    optimisation = Optimisation(
        total_steps=len(data.plan),
        lr=recipe.lr,
        schedule=recipe.schedule,
        warmup_fraction=recipe.warmup_fraction,
        weight_decay=recipe.weight_decay,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
        grad_clip=recipe.grad_clip,
        seed=config.seed,
    )
    model.train()
    started = time.perf_counter()
    with writing(work):
        trainer = fit(
            CausalLM(model, optimisation, data.passes_per_step),
            data,
            config.trainer,
            val_checks=recipe.val_checks,
            work=work,
            sink=sink,
        )
        facts = {
            "train/optimizer_steps": trainer.global_step,
            "train/answer_tokens": sum(len(data.train[i].answer) for step in data.plan for i in step),
            "time/train_seconds": time.perf_counter() - started,
        }
        sink(facts, trainer.global_step)
        export(trainer, tokenizer, work / "export")


def _log_data(point: Point, run: Run) -> None:
    tested, trained_on = point.config.benchmark, point.trained_on
    source = type(trained_on).__module__
    run.log_dataset(f"{trained_on.name} pool", point.pool_digest, source, "training", len(point.pool))
    source = type(tested).__module__
    run.log_dataset(f"{tested.name} test", point.test_digest, source, "evaluation", len(point.test))
