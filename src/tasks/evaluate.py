"""Evaluating weights that are there already: a base, or what a finetuning run left, on any benchmark."""

import logging

from src.config.eval import EvalConfig
from src.errors import FathomError
from src.evaluation.measure import measure
from src.evaluation.standard import measure_standard
from src.modules.training import compute_dtype, prepare_torch
from src.points.base import find_base
from src.points.keys import generation_key, scores_key, test_of
from src.points.point import OWN
from src.points.start import load_run
from src.tracking.runs import claim
from src.tracking.store import open_store

log = logging.getLogger(__name__)


def evaluate(config: EvalConfig) -> None:
    """Measure the weights on the benchmark, as an MLflow run of kind `evaluate`, unless that has been done."""
    benchmark = config.benchmark
    test, test_digest = test_of(benchmark)
    base = find_base(config.model, config.trainer, config.tracking)
    device = prepare_torch(config.trainer)
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    if config.run_id is not None:
        trained = store.client.get_run(config.run_id).data.params
        if trained.get("model") != config.model.label:
            raise FathomError(
                f"run_id: {config.run_id} finetuned {trained.get('model')}, not {config.model.label}; "
                "choose the same model= as that run"
            )
    weights = base.digest if config.run_id is None else f"run {config.run_id}"
    completions = {OWN: generation_key(weights, config, benchmark)}
    key = scores_key("evaluate", "src.tasks.evaluate", config, {OWN: benchmark}, completions)
    params = {
        "model": config.model.label,
        "benchmark": benchmark.name,
        "run_id": config.run_id or "base",
        "base_digest": base.digest,
        "generation": config.generation.model_dump(),
    }
    name = f"evaluate · {config.model.label} · {benchmark.name} · {config.run_id or 'base'}"
    with claim(store, key=key, kind="evaluate", study=config.study, name=name, params=params) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", name, run.id)
            return
        run.log_dataset(f"{benchmark.name} test", test_digest, type(benchmark).__module__, "evaluation", len(test))
        dtype = compute_dtype(config.trainer)
        model, tokenizer = load_run(store, base, config.run_id, dtype) if config.run_id else base.load(dtype)
        result = measure(model, tokenizer, benchmark, test, config, device)
        run.log_table("predictions", result.rows)
        metrics, items = result.metrics, result.items
        asked = None
        if config.run_id is None:
            asked = measure_standard(model, tokenizer, benchmark, test, config, base.context_tokens)
        if asked is not None:
            run.log_table("predictions_standard", asked.rows)
            metrics, items = metrics | asked.metrics, items | asked.items
        run.log_items(items)
        run.complete(metrics)
    log.info("%s: %s, run %s", name, result, run.id)
