"""Benchmark against preference: one base finetuned on the task and on another pool, at equal n, judged in pairs."""

import logging
from typing import Any

import torch

from src.benchmarks.benchmark import Benchmark
from src.config.judge import AskedEndpoint, Likelihood
from src.config.kept import kept
from src.config.prefer import PreferConfig
from src.config.train import TrainConfig
from src.generation.greedy import GreedyEngine
from src.generation.nll import answer_nll
from src.judging.endpoint import EndpointJudge
from src.judging.judge import Judge
from src.judging.judgement import AnswerPair, judge_pairs
from src.judging.own_model import LikelihoodJudge, LocalJudge
from src.models.prompt import PromptFormat
from src.modules.training import prepare_torch
from src.points.base import find_base
from src.points.code_identity import code_of
from src.points.point import Point, identify
from src.points.start import run_of
from src.sweeps.job import SweepJob
from src.tasks.finetune import run_point
from src.tracking import tags as tag
from src.tracking.identity import digest, run_key
from src.tracking.provenance import command_line
from src.tracking.query import predictions
from src.tracking.runs import claim
from src.tracking.store import CONFIG, open_store

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
    judge = _judge(config, device)

    name = f"preference · {on_task.name} · against {config.against.name}"
    code = code_of("src.tasks.prefer", "src.tracking.query")
    key = run_key("preference", points=[on_task.key, on_other.key], judge=judge.settings, code=code)
    tags = {tag.COMMAND: command_line(job.overrides)}
    with claim(
        store, key=key, kind="preference", study=config.study, name=name, params=_params(config, on_task), tags=tags
    ) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", name, run.id)
            return
        run.log_dict(kept(config), CONFIG)
        ours, theirs = (predictions(store, run_id) for run_id in run_ids)
        pairs = [AnswerPair(a["prompt"], a["completion"], b["completion"]) for a, b in zip(ours, theirs, strict=True)]
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


def _judge(config: PreferConfig, device: torch.device) -> Judge:
    """A judge of `config.judge`'s kind; a model of one's own is loaded to `device`."""
    chosen = config.judge
    if isinstance(chosen, AskedEndpoint):
        return EndpointJudge(**chosen.model_dump(exclude={"kind"}))
    base = find_base(chosen.model, config.trainer, config.tracking)
    model, tokenizer = base.load()
    model.to(device)  # type: ignore[arg-type]
    prompts = PromptFormat(tokenizer, chosen.model.plain_prompt)
    batch_tokens = config.generation.batch_tokens
    settings = {"base": base.digest, "plain_prompt": chosen.model.plain_prompt}
    if isinstance(chosen, Likelihood):

        def score(answers: list[tuple[str, str]]) -> list[float]:
            encoded = [prompts.encode(prompt, answer) for prompt, answer in answers]
            losses = answer_nll(model, [(e.prompt, e.answer) for e in encoded], batch_tokens)
            return [-nll / tokens for nll, tokens in losses]

        return LikelihoodJudge(score, chosen.margin, settings)

    longest = chosen.max_new_tokens

    def complete(questions: list[str]) -> list[str]:
        engine = GreedyEngine(model, prompts.stop_ids, batch_tokens)
        return [
            prompts.decode(c)
            for c in engine.generate([prompts.encode_prompt(question) for question in questions], longest)
        ]

    return LocalJudge(complete, {**settings, "max_new_tokens": longest})
