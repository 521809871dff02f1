"""Evaluation on the tasks of EleutherAI's lm-evaluation-harness (Gao et al., doi:10.5281/zenodo.10256836).

The harness asks and scores by itself, so that figures compare with others': its prompts, its few-shot examples, its
metrics. It is an optional package that is imported only here, inside the functions that need it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from src.benchmarks.benchmark import BadData, Benchmark, Example, Verdict
from src.errors import FathomError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What stands for accuracy, the first that a task has.
_ACCURACY = ("acc", "exact_match", "f1")


class LmEval(Benchmark):
    """One of the harness' tasks, to evaluate on: it has neither a pool nor items of its own here.

    `harness_results` gives the figures; `test()` is empty and `score` is never right.
    """

    task: str = Field(min_length=1, description="a task's name, as `lm_eval ls tasks` lists them")
    include_path: Path | None = Field(default=None, description="a directory with task files of the user's own")
    num_fewshot: int | None = Field(default=None, ge=0, description="None: as many as the task says")
    batch_size: int = Field(default=8, gt=0)

    @field_validator("include_path")
    @classmethod
    def _is_a_directory(cls, path: Path | None) -> Path | None:
        if path is not None and not path.expanduser().is_dir():
            raise ValueError(f"there is no directory {path}")
        return path and path.expanduser()

    def pool(self) -> list[Example]:
        raise BadData(
            f"lm_eval brings no training examples for {self.task}; finetune on another benchmark with train_on=…."
        )

    def test(self) -> list[Example]:
        return []

    def data_files(self) -> list[Path]:
        """The user's own task files; the harness' are known by its version only."""
        return sorted(self.include_path.rglob("*.yaml")) if self.include_path else []

    def score(self, example: Example, completion: str) -> Verdict:
        raise BadData(f"the harness scores {self.task} itself; use harness_results.")

    def chance(self) -> float:
        """0: the harness does not say what a guess would reach."""
        return 0.0


def harness_results(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", benchmark: LmEval
) -> dict[str, float]:
    """Metric → value over the first `test_limit` documents of each (sub)task, the accuracy first.

    A name is the harness' own, with `/` before the filter where that has a name: `acc`, `exact_match/strict-match`. A
    standard error is `acc_stderr`, `exact_match_stderr/strict-match`. The model stays on its device and is put into
    evaluation mode. Tasks that run the model's code are refused by the harness. Raises FathomError where the harness is
    not installed or does not know the task.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise FathomError(
            f"benchmark=lm_eval needs the package lm-eval ({error}): pip install -c constraints.txt lm-eval accelerate."
        ) from error
    tasks = TaskManager(include_path=str(benchmark.include_path) if benchmark.include_path else None)
    if benchmark.task not in tasks.all_tasks:
        raise FathomError(
            f"benchmark.task: lm-eval knows no task {benchmark.task!r}; `lm_eval ls tasks` lists them, and "
            "benchmark.include_path adds a directory of your own."
        )
    model.eval()
    found = simple_evaluate(
        HFLM(pretrained=model, tokenizer=tokenizer, batch_size=benchmark.batch_size),
        tasks=[benchmark.task],
        num_fewshot=benchmark.num_fewshot,
        limit=benchmark.test_limit,
        task_manager=tasks,
        bootstrap_iters=1000,
    )
    return _accuracy_first(found["results"][benchmark.task])


def _accuracy_first(found: dict[str, Any]) -> dict[str, float]:
    """The numbers of one task, whose keys are `<metric>,<filter>`; `none` is the filter that changes nothing."""
    rank = {metric: place for place, metric in enumerate(_ACCURACY)}
    numbers = [(*key.split(",", 1), value) for key, value in found.items() if "," in key and _is_number(value)]
    numbers.sort(key=lambda each: rank.get(each[0], len(rank)))
    return {metric if name == "none" else f"{metric}/{name}": float(value) for metric, name, value in numbers}


def _is_number(value: object) -> bool:
    # A standard error that the harness cannot tell is the text "N/A".
    return isinstance(value, int | float)
