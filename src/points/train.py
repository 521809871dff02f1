"""Training a point: once, or in trials of which validation loss chooses, until the weights to keep are exported."""

import json
import logging
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shutil import rmtree

from lightning import Trainer
from transformers import PreTrainedModel

from src.config.method import Adapters, QLora
from src.config.model import Dtype
from src.config.train import TrainConfig
from src.errors import FathomError
from src.models.attention import attend_by_example
from src.models.lora import add_adapters
from src.models.nf4 import quantise
from src.models.out_of_memory import OutOfMemory, free_memory, within_memory
from src.models.prompt import Encoded
from src.modules.causal_lm import CausalLM, Optimisation, TrainingDiverged
from src.modules.cluster import global_rank
from src.modules.finetune_data import FinetuneData
from src.modules.metric_logger import Sink
from src.modules.ranks import Ranks
from src.modules.training import compute_dtype, fit
from src.modules.validation import Validation, evenly
from src.points.draw import Drawn, training_data
from src.points.export import export
from src.points.full_disk import writing
from src.points.point import Point
from src.points.start import Start

log = logging.getLogger(__name__)

LESS_MEMORY = (
    "lower it, take trainer.gradient_checkpointing=true, recipe.optimizer=adamw_bf16_stochastic, or method=lora or "
    "qlora (docs/memory.md)"
)


class PassesTooLarge(OutOfMemory):
    """Memory ran out while training, which smaller passes may mend."""


@dataclass(frozen=True)
class Trial:
    """One training that has ended, its folder in the point's work. `curve` holds (optimiser steps, val/loss)."""

    name: str
    lr: float
    steps: int
    kept_step: int
    bound_hit: bool
    curve: list[tuple[int, float]]

    @property
    def loss(self) -> float:
        """val/loss of the weights that were kept."""
        return dict(self.curve)[self.kept_step]


def train(point: Point, start: Start, drawn: Drawn, work: Path, sink: Sink) -> None:
    """Finetune from the start on what was drawn and leave the weights in `work`/export.

    An earlier try's trials that had ended count, and its newest checkpoint is gone on from. Metrics go to
    `sink(metrics, step)`, what is said of the whole of it once more after a try that had got that far.
    """
    recipe = point.config.recipe
    if recipe.until and recipe.validation == "pool" and not drawn.val:
        raise FathomError(
            f"n_examples: {len(drawn.train)} leave nothing of the pool of {point.trained_on.name} for the validation "
            "loss that recipe.until needs; lower n_examples or set recipe.validation=k_fold"
        )
    trials = _Trials(point, start, work, sink)
    started = time.perf_counter()
    with writing(work):
        if recipe.validation == "k_fold":
            kept = trials.folded(drawn.train)
        elif len(trials.rates) > 1:
            kept = trials.searched(drawn.train, drawn.val)
        else:
            kept = trials.run("once", trials.rates[0], training_data(point.config, drawn.train, drawn.val))
    plan = training_data(point.config, drawn.train, []).plan
    facts = {
        "train/optimizer_steps": kept.kept_step,
        "train/total_steps": trials.steps,
        "train/epochs": kept.kept_step / plan.steps_per_epoch,
        "train/answer_tokens": sum(len(drawn.train[i].answer) for step in plan[: kept.kept_step] for i in step),
        "train/best_lr": kept.lr,
        "data/val_examples": len(drawn.val),
        "time/train_seconds": time.perf_counter() - started,
    }
    if recipe.until:
        facts |= {
            "train/best_step": kept.kept_step,
            "train/bound_hit": float(kept.bound_hit),
            "val/best_loss": kept.loss,
        }
        if kept.bound_hit:
            log.warning(
                "%s: recipe.until.max_steps=%s ended training while validation loss was still falling",
                point.name,
                recipe.until.max_steps,
            )
    sink(facts, kept.steps)

    def leave() -> None:
        if not (work / "export").exists():
            (work / kept.name / "weights").replace(work / "export")

    Ranks(point.config.trainer).told(leave)  # the others find it there when they go on


class _Trials:
    """The trainings of a point. `steps` counts the optimiser steps of all that have ended."""

    def __init__(self, point: Point, start: Start, work: Path, sink: Sink) -> None:
        self.point = point
        self.recipe = point.config.recipe
        self.rates = point.config.learning_rates
        self.start = start
        self.work = work
        self.sink = sink
        self.steps = 0

    def searched(self, train: list[Encoded], val: list[Encoded]) -> Trial:
        """Trials from the highest learning rate down until one is worse than the best: low ones take longest.

        The weights of the one with the least validation loss are exported.
        """
        tried: list[Trial] = []
        diverged: TrainingDiverged | None = None
        for lr in self.rates:
            try:
                tried.append(self.run(_named(lr), lr, training_data(self.point.config, train, val)))
                if tried[-1].loss > min(trial.loss for trial in tried):
                    break
            except TrainingDiverged as error:
                log.warning("%s: recipe.search: %s", self.point.name, error)
                diverged = error
        if diverged and not tried:
            raise diverged
        best = min(tried, key=lambda trial: trial.loss)
        self._log_curve(best.curve)
        return best

    def folded(self, train: list[Encoded]) -> Trial:
        """Cross-validation finds the number of steps (and the learning rate of a search); then all of `train` is used.

        The curve of a learning rate is the mean over the folds, as far as all of them went.
        """
        if len(train) < self.recipe.folds:
            raise FathomError(
                f"recipe.folds: {self.recipe.folds} folds need as many examples, n_examples is {len(train)}; "
                "lower it, or train for a fixed number of steps with recipe.until=null recipe.steps=…"
            )
        found: list[tuple[float, int, float, list[Trial]]] = []
        curves: dict[float, list[tuple[int, float]]] = {}
        for lr in self.rates:
            folds = [self._fold(fold, train, lr) for fold in range(self.recipe.folds)]
            checks = min(len(fold.curve) for fold in folds)
            curves[lr] = [
                (step, statistics.fmean(fold.curve[check][1] for fold in folds))
                for check, (step, _) in enumerate(folds[0].curve[:checks])
            ]
            of_rate = [(loss, step, lr, folds) for step, loss in curves[lr]]
            worse = found and min(loss for loss, *_ in of_rate) > min(loss for loss, *_ in found)
            found += of_rate
            if worse:
                break
        _, steps, lr, folds = min(found, key=lambda candidate: candidate[:2])
        self._log_curve(curves[lr])
        kept = self.run("all", lr, training_data(self.point.config, train, [], steps))
        return replace(kept, bound_hit=any(fold.bound_hit for fold in folds), curve=curves[lr])

    def _fold(self, fold: int, train: list[Encoded], lr: float) -> Trial:
        held_out = train[fold :: self.recipe.folds]
        rest = [example for i, example in enumerate(train) if i % self.recipe.folds != fold]
        return self.run(
            f"{_named(lr)}_fold_{fold}", lr, training_data(self.point.config, rest, held_out), keep_weights=False
        )

    def run(self, name: str, lr: float, data: FinetuneData, keep_weights: bool = True) -> Trial:
        """Train once, in the folder `name`; until convergence if there is something to validate on."""
        folder = self.work / name
        ended = folder / "trial.json"
        if ended.exists():
            trial = Trial(**json.loads(ended.read_text()))
            trial = replace(trial, curve=[(step, loss) for step, loss in trial.curve])
        else:
            trial, first_rank = self._within_memory(folder, lr, data, keep_weights)
            if first_rank:
                _write(ended, json.dumps(asdict(trial)))
                for checkpoint in folder.glob("*.ckpt"):
                    rmtree(checkpoint) if checkpoint.is_dir() else checkpoint.unlink()
        self.steps += trial.steps
        return trial

    def _within_memory(self, folder: Path, lr: float, data: FinetuneData, keep_weights: bool) -> tuple[Trial, bool]:
        """The trial that was trained, with as many tokens in a pass as there is memory for, and whether to record it.

        Smaller passes add up to the same steps, so where memory runs out training goes on from its newest checkpoint.
        """
        while True:
            try:
                return self._trained(folder, lr, data, keep_weights)
            except PassesTooLarge as error:
                smaller = data.in_smaller_passes()
                if smaller is None:
                    raise
                data = smaller
                tokens = data.layout.micro_batch_tokens
                log.warning("%s: %s; going on with trainer.micro_batch_tokens=%s", self.point.name, error, tokens)
                self._sink_of(folder.name)({"train/micro_batch_tokens": float(tokens)}, 0)
            finally:
                free_memory()

    def _trained(self, folder: Path, lr: float, data: FinetuneData, keep_weights: bool) -> tuple[Trial, bool]:
        recipe = self.recipe
        until = recipe.until if data.val else None
        total = len(data.plan)
        validation = Validation(
            until.checks if until else evenly(recipe.val_checks, total),
            patience=until.patience if until else None,
            averaging=recipe.averaging,
            standard_errors=until.standard_errors if until else 0.0,
        )
        trainer = self._fit(folder, lr, data, validation, keep_weights)
        trial = Trial(
            name=folder.name,
            lr=lr,
            steps=trainer.global_step,
            kept_step=validation.best_step or total,
            bound_hit=bool(until) and not validation.converged,
            curve=validation.curve,
        )
        return trial, trainer.is_global_zero

    def _fit(self, folder: Path, lr: float, data: FinetuneData, validation: Validation, keep_weights: bool) -> Trainer:
        config, dtype = self.point.config, held_dtype(self.point.config)
        if config.trainer.strategy == "fsdp" and global_rank(config.trainer) > 0:
            model = self.start.skeleton(dtype)  # the first rank sends the weights
        else:
            model, _ = self.start.load(dtype)
        model = trainable(model, config)
        optimisation = optimisation_of(config, lr, len(data.plan))
        module = CausalLM(model, optimisation, data.passes_per_step)
        doing = f"training {self.point.name} with trainer.micro_batch_tokens={data.layout.micro_batch_tokens}"
        with within_memory(doing, LESS_MEMORY, PassesTooLarge):
            trainer = fit(module, data, config.trainer, validation, work=folder, sink=self._sink_of(folder.name))
        if keep_weights:
            export(trainer, self.start.base.tokenizer(), folder / "weights")
        return trainer

    def _sink_of(self, name: str) -> Sink:
        """Where a trial's metrics go: under its own name where others may be chosen, else they are the point's."""
        if name in ("once", "all"):
            return self.sink
        return lambda metrics, step: self.sink({f"{name}/{metric}": x for metric, x in metrics.items()}, step)

    def _log_curve(self, curve: list[tuple[int, float]]) -> None:
        for step, loss in curve:
            self.sink({"val/loss": loss}, step)


def held_dtype(config: TrainConfig) -> Dtype | None:
    """What weights are held in while they are trained; None: what the model's section says."""
    return "bfloat16" if config.recipe.optimizer == "adamw_bf16_stochastic" else None


def trainable(model: PreTrainedModel, config: TrainConfig) -> PreTrainedModel:
    """The model as the method trains it."""
    attend_by_example(model)
    if isinstance(config.method, QLora):
        quantise(model, compute_dtype(config.trainer))
    if config.trainer.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if isinstance(config.method, Adapters):
        model = add_adapters(model, config.method, config.seed)
    model.train()
    return model


def optimisation_of(config: TrainConfig, lr: float, total_steps: int) -> Optimisation:
    recipe = config.recipe
    return Optimisation(
        total_steps=total_steps,
        lr=lr,
        schedule=recipe.schedule,
        warmup_steps=recipe.warmup(total_steps),
        weight_decay=recipe.weight_decay,
        beta1=recipe.beta1,
        beta2=recipe.beta2,
        grad_clip=recipe.grad_clip,
        seed=config.seed,
        optimizer=recipe.optimizer,
        constant_steps=recipe.constant_steps or 0,
    )


def _named(lr: float) -> str:
    return f"lr_{lr:g}".replace("+", "")  # MLflow takes no plus in a metric's name


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(file)
