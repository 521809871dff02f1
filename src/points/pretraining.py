"""Pretraining a tiny base on the procedural world, once and for all."""

import logging
import math
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from shutil import rmtree

from transformers import PreTrainedTokenizerBase

from src.benchmarks.world.corpus import corpus
from src.config.model import Pretraining, TinyModel
from src.config.tracking import Tracking
from src.config.trainer import Trainer
from src.models.load import fresh_model
from src.models.prompt import Encoded
from src.models.tiny import tiny_config, tiny_tokenizer
from src.modules.batch import Layout
from src.modules.causal_lm import CausalLM, Optimisation
from src.modules.finetune_data import FinetuneData
from src.modules.plan import step_plan
from src.modules.training import fit, prepare_torch
from src.modules.validation import Validation, evenly
from src.points.code_identity import code_of
from src.tracking.identity import run_key
from src.tracking.query import download
from src.tracking.runs import claim
from src.tracking.store import open_store

STUDY = "bases"
VAL_SEQUENCES = 64

log = logging.getLogger(__name__)


def pretrained(base: TinyModel, trainer: Trainer, tracking: Tracking) -> Path:
    """The directory of the pretrained base (safetensors and tokenizer), made now if there is none yet.

    Its MLflow run, of kind `pretrain`, has the model, the corpus and the code that makes them as its key.
    """
    recipe = base.pretraining
    store = open_store(tracking.uri, tracking.root)
    key = pretrain_key(base)
    directory = store.root / "bases" / key
    params = {"model": base.label, **recipe.model_dump()}
    with claim(store, key=key, kind="pretrain", study=STUDY, name=base.label, params=params) as run:
        if run.already_complete:
            if not directory.exists():
                download(store, run.id, "model", directory)
            return directory

        log.warning("pretraining %s on %s tokens", base.label, f"{recipe.tokens:,}")
        trainer = _trainer(trainer, recipe)
        prepare_torch(trainer)
        tokenizer = tiny_tokenizer(base.family)
        sequences = [*islice(_sequences(tokenizer, recipe.sequence_length, recipe.seed), _number(recipe))]
        val, train = sequences[:VAL_SEQUENCES], sequences[VAL_SEQUENCES:]
        plan = step_plan(len(train), recipe.batch_size, epochs=1, steps=None, min_steps=1, seed=recipe.seed)
        layout = Layout(packing=False, micro_batch_tokens=trainer.micro_batch_tokens)
        data = FinetuneData(train, val, plan, layout)
        optimisation = Optimisation(
            total_steps=len(plan),
            lr=recipe.lr[base.size],
            schedule="cosine",
            warmup_steps=math.ceil(recipe.warmup_fraction * len(plan)),
            weight_decay=recipe.weight_decay,
            beta1=0.9,
            beta2=0.95,
            grad_clip=1.0,
            seed=recipe.seed,
        )
        model = fresh_model(tiny_config(base.family, base.size), recipe.seed)
        module = CausalLM(model, optimisation, data.passes_per_step)
        work = store.root / "work" / key
        fit(module, data, trainer, Validation(evenly(10, len(plan))), work=work, sink=run.log_metrics)

        # Renamed into place whole, so that a directory that exists is a base that is complete.
        unfinished = work / "model"
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        run.log_artifacts(unfinished, "model")
        directory.parent.mkdir(parents=True, exist_ok=True)
        rmtree(directory, ignore_errors=True)
        unfinished.replace(directory)
        run.complete({"pretrain/parameters": sum(p.numel() for p in model.parameters())})
        rmtree(work)
    return directory


def _trainer(asked: Trainer, recipe: Pretraining) -> Trainer:
    """Always float32 on a CPU with as many threads as the model says: a base must not depend on who asked for it."""
    fixed = {
        "accelerator": "cpu",
        "devices": 1,
        "num_nodes": 1,
        "cpu_offload": False,
        "strategy": "auto",
        "precision": "32-true",
        "threads": recipe.threads,
        "micro_batch_tokens": recipe.batch_size * recipe.sequence_length,
    }
    return asked.model_copy(update=fixed)


def pretrain_key(model: TinyModel) -> str:
    """The run key of a tiny base."""
    return run_key(
        "pretrain", model=model.model_dump(exclude={"name", "plain_prompt"}), code=code_of("src.points.pretraining")
    )


def _number(recipe: Pretraining) -> int:
    return VAL_SEQUENCES + recipe.tokens // recipe.sequence_length


def _sequences(tokenizer: PreTrainedTokenizerBase, length: int, seed: int) -> Iterator[Encoded]:
    """Documents end to end, each between bos and eos, cut into sequences in which all but the first token is learnt."""
    documents = (
        [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]
        for text in corpus(seed)
    )
    tokens = chain.from_iterable(documents)
    while True:
        sequence = list(islice(tokens, length))
        yield Encoded(sequence[:1], sequence[1:])
