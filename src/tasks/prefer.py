"""Benchmark against preference: one base finetuned on the task and on another pool, at equal n, judged in pairs."""

import logging
from typing import Any

from src.benchmarks.base import Benchmark
from src.config import PreferConfig, TrainConfig
from src.judging.judgement import Pair, judge_pairs
from src.modules.trainer import prepare_torch
from src.tasks.finetune import run_point
from src.tasks.first import run_of
from src.tasks.judges import build_judge
from src.tasks.point import Point, identify
from src.tasks.science import code_of
from src.tasks.sweep_job import SweepJob
from src.tracking.identity import digest, run_key
from src.tracking.query import predictions
from src.tracking.runs import claim
from src.tracking.store import open_store

log = logging.getLogger(__name__)


def prefer(config: PreferConfig) -> None:
    """Run both points unless they are complete, then judge their completions of the benchmark's test set.

    A win is one of the model that was finetuned on the benchmark's own pool. Logged as a run of kind `preference`.
    """
    job = SweepJob.of_this_process()
    device = prepare_torch(config.trainer)
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    on_task, on_other = identify(_point(config, None)), identify(_point(config, config.against))
    run_ids = [run_of(store, point, lambda needed: run_point(needed, job)) for point in (on_task, on_other)]
    judge = build_judge(config, device)

    name = f"preference · {on_task.name} · against {config.against.name}"
    key = run_key(
        "preference", points=[on_task.key, on_other.key], judge=judge.settings, code=code_of("src.tasks.prefer")
    )
    with claim(
        store, key=key, kind="preference", study=config.study, name=name, params=_params(config, on_task)
    ) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", name, run.id)
            return
        ours, theirs = (predictions(store, run_id) for run_id in run_ids)
        pairs = [Pair(a["prompt"], a["completion"], b["completion"]) for a, b in zip(ours, theirs, strict=True)]
        cache = store.root / "judge" / f"{digest(judge.settings)}.jsonl"
        judgement = judge_pairs(judge, pairs, cache)
        scores = [sum(row["score"] for row in rows) / len(rows) for rows in (ours, theirs)]
        run.log_table("verdicts", judgement.rows)
        metrics = {f"preference/{metric}": value for metric, value in judgement.metrics.items()}
        run.complete(metrics | dict(zip(("preference/accuracy", "preference/accuracy_against"), scores, strict=True)))
    m = judgement.metrics
    won = f"won {m['win_share']:.3f}, lost {m['loss_share']:.3f}, judge's consistency {m.get('consistency', 0):.3f}"
    log.info("%s: accuracy %.3f against %.3f, %s, run %s", name, *scores, won, run.id)


def _point(config: PreferConfig, train_on: Benchmark | None) -> TrainConfig:
    fields = {field: getattr(config, field) for field in TrainConfig.model_fields}
    return TrainConfig.model_construct(**fields | {"train_on": train_on})


def _params(config: PreferConfig, on_task: Point) -> dict[str, Any]:
    judge = config.judge.model_dump(mode="json", exclude={"model"})
    model = config.judge.model
    named = model if isinstance(model, str) else model.label
    return {
        **on_task.params,
        "against": config.against.name,
        "judge.model": named,
        **{f"judge.{field}": value for field, value in judge.items()},
    }
