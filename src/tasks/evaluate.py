"""Evaluating weights that are there already: a base, or what a finetuning run left, on any benchmark."""

import logging
from shutil import rmtree

from src.config.eval import EvalConfig
from src.config.kept import kept
from src.errors import FathomError
from src.evaluation.completions import complete, read_completions
from src.evaluation.scoring import score, score_standard
from src.evaluation.standard import complete_standard
from src.modules.ranks import Ranks
from src.modules.training import prepare_torch
from src.points.base import find_base
from src.points.keys import OWN, STANDARD, digests_of, generation_key, scores_key, standard_keys, test_of
from src.points.start import Start, left_by
from src.sweeps.job import SweepJob
from src.tracking import tags as tag
from src.tracking.ownership import key_lock
from src.tracking.provenance import command_line
from src.tracking.query import fetch, find_run, runs_with
from src.tracking.runs import claim
from src.tracking.store import CONFIG, open_store

TASK = "src.tasks.evaluate"

log = logging.getLogger(__name__)


def evaluate(config: EvalConfig) -> None:
    """Measure the weights on the benchmark, as an MLflow run of kind `evaluate`, unless that has been done.

    Where a complete run of the study, or of that of the weights, has their completions, these are scored.
    """
    store = open_store(config.tracking.uri, config.tracking.root, config.tracking.flush_seconds)
    trained = find_run(store, config.run_id) if config.run_id is not None else None  # before a base is made for it
    if trained is not None and (model_of_run := trained.data.params.get("model")) != config.model.label:
        raise FathomError(
            f"run_id: {config.run_id} finetuned {model_of_run or 'no model'}, not {config.model.label}; "
            "choose the same model= as that run"
        )
    benchmark = config.benchmark
    test, test_digest = test_of(benchmark)
    base = find_base(config.model, config.trainer, config.tracking)
    device = prepare_torch(config.trainer)
    ranks = Ranks(config.trainer)
    weights, experiments, run_id = base.digest, {store.experiment(config.study)}, None
    if trained is not None:
        run_id = trained.info.run_id
        weights = trained.data.tags.get(tag.WEIGHTS, run_id)
        experiments.add(trained.info.experiment_id)
    completions = {OWN: generation_key(weights, config, benchmark)}
    if config.run_id is None:
        completions |= standard_keys(weights, config, benchmark)
    key = scores_key("evaluate", TASK, config, {OWN: benchmark}, completions)
    params = {
        "model": config.model.label,
        "benchmark": benchmark.name,
        "run_id": run_id or "base",
        **digests_of(TASK, config, base),
        "generation": config.generation.model_dump(),
    }
    tags = {
        tag.COMMAND: command_line(SweepJob.of_this_process().overrides),
        tag.WEIGHTS: weights,
        tag.COMPLETIONS: " ".join(completions.values()),
    }
    name = f"evaluate · {config.model.label} · {benchmark.name} · {run_id or 'base'}"
    work = store.root / "work" / completions[OWN]
    files = {of: work / f"{key}.json" for of, key in completions.items()}

    def answer(unanswered: list[str]) -> None:
        """On every rank."""
        of = left_by(store, base, run_id) if run_id else Start(base, None)
        model, tokenizer = of.load_to_measure(config.trainer, device)
        asked = model, tokenizer, benchmark, test, config, device
        if OWN in unanswered:
            complete(*asked, [], files[OWN])
        if STANDARD in unanswered:
            complete_standard(*asked, base.context_tokens, files[STANDARD])

    if not ranks.first:  # the first keeps the books, and says what is left to do
        if unanswered := ranks.told(lambda: list[str]()):
            answer(unanswered)
        return
    with claim(store, key=key, kind="evaluate", study=config.study, name=name, params=params, tags=tags) as run:
        if run.already_complete:
            log.info("%s: complete already, run %s", name, run.id)
            ranks.dismiss()
            return
        run.log_dict(kept(config), CONFIG)
        run.log_dataset(f"{benchmark.name} test", test_digest, type(benchmark).__module__, "evaluation", len(test))
        with key_lock(store, completions[OWN], name):
            for of, key in completions.items():
                earlier = [has.run_id for has in runs_with(store, sorted(experiments), tag.COMPLETIONS, key)]
                source = fetch(store, earlier, f"completions/{key}.json", files[of])
                if source:
                    run.set_tags({tag.COMPLETIONS_OF: source})
            unanswered = [of for of, file in files.items() if not file.exists()]
            if unanswered:
                ranks.told(lambda: unanswered)
                answer(unanswered)
            else:
                ranks.dismiss()
            for file in files.values():
                run.log_file(file, "completions")
            result = score(benchmark, test, read_completions(files[OWN]), config.generation)
            run.log_table("predictions", result.rows)
            metrics, items = result.metrics, result.items
            if STANDARD in files and (of_field := score_standard(benchmark, test, read_completions(files[STANDARD]))):
                run.log_table("predictions_standard", of_field.rows)
                metrics, items = metrics | of_field.metrics, items | of_field.items
            run.log_items(items)
            run.complete(metrics)
            rmtree(work, ignore_errors=True)
    log.info("%s: %s, run %s", name, result, run.id)
