"""One point: finetune a base on n examples, evaluate it, keep everything in MLflow."""

import logging
import os
import time
from pathlib import Path
from shutil import rmtree

from src.config import Lora, TrainConfig
from src.models.lora import add_adapters
from src.models.prompt import PromptFormat
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.metric_logger import Sink
from src.modules.trainer import fit, prepare_torch
from src.tasks.disk import writing
from src.tasks.draw import training_data
from src.tasks.export import export, load_export
from src.tasks.measure import measure
from src.tasks.point import Point, identify
from src.tasks.show import show_first_step
from src.tasks.sweep_job import SweepJob
from src.tracking.runs import claim
from src.tracking.store import open_store

log = logging.getLogger(__name__)


def finetune(config: TrainConfig) -> None:
    """Run the point that `config` describes, unless its result is there already."""
    point = identify(config)
    device = prepare_torch(config.trainer)
    work = config.tracking.root.resolve() / "work" / point.key  # what is needed only until the point is complete
    if config.show == "batch":
        show_first_step(point)
        return
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        # A further rank of data-parallel training: it trains along, the first one keeps the books.
        train(point, work, sink=lambda metrics, step: None)
        return

    job = SweepJob.of_this_process()
    job.check_unchanged(point.key)
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
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
            return
        run.log_dict(config.model_dump(mode="json"), "config.json")
        source = type(config.benchmark).__module__
        run.log_dataset(f"{config.benchmark.name} pool", point.pool_digest, source, "training", len(point.pool))
        run.log_dataset(f"{config.benchmark.name} test", point.test_digest, source, "evaluation", len(point.test))

        if config.n_examples:
            train(point, work, sink=run.log_metrics)
            model, tokenizer = load_export(point.base, work / "export")
        else:
            model, tokenizer = point.base.load()
        result = measure(model, tokenizer, point.test, config, device)

        run.log_table("predictions", result.rows)
        if config.n_examples and config.tracking.save_model:
            run.log_artifacts(work / "export", "model")
        run.complete(result.metrics | {"n_examples": config.n_examples})
    rmtree(work, ignore_errors=True)
    log.info("%s: %s, run %s", point.name, result, run.id)


def train(point: Point, work: Path, sink: Sink) -> None:
    """Finetune the point's base and leave the weights in `work`/export, unless an earlier try got that far.

    An earlier try's newest checkpoint is gone on from. Metrics go to `sink(metrics, step)`.
    """
    if (work / "export").exists():
        return
    config, recipe = point.config, point.config.recipe
    model, tokenizer = point.base.load()
    data = training_data(point, PromptFormat(tokenizer, config.model.plain_prompt))
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
