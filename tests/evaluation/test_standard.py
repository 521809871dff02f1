"""The standard prompts, on a random model with a benchmark that has one."""

import logging

import pytest
import torch

from src.benchmarks.benchmark import StandardPrompt, Verdict
from src.evaluation.completions import complete, read_completions
from src.evaluation.scoring import score, score_standard
from src.evaluation.standard import complete_standard
from src.points.point import identify


@pytest.fixture
def asking(toy):
    """asking(stops): a configuration whose benchmark asks in capitals; half of the answers are right, leniently all."""

    class Asking(toy.benchmark):
        ends_at: tuple[str, ...] = ()

        def standard(self):
            def score(examples, completions):
                right = Verdict(1.0, "x", None)
                return [
                    right if i % 2 else Verdict(0.0, None, "format", lenient=right) for i, _ in enumerate(completions)
                ]

            return StandardPrompt(lambda example: example.prompt.upper(), self.ends_at, score)

    return lambda stops=(): toy(benchmark=Asking(ends_at=stops, max_new_tokens=24))


def standard(config, context_tokens=256):
    model, tokenizer = identify(config).base.load()
    test = config.benchmark.test()
    file = config.tracking.root / "standard.json"
    complete_standard(model, tokenizer, config.benchmark, test, config, torch.device("cpu"), context_tokens, file)
    return score_standard(config.benchmark, test, read_completions(file))


def test_its_metrics_stand_beside_those_of_the_finetuning_form(asking):
    result = standard(asking())
    assert result.metrics["eval/standard_accuracy"] == 0.5
    assert result.metrics["eval/standard_accuracy_lenient"] == 1.0
    assert result.metrics["eval/standard_format_error_rate"] == 0.5
    assert result.metrics["eval/standard_accuracy_stderr"] == pytest.approx(0.5 / 3)
    assert result.items["eval/standard_accuracy"].tolist() == [0, 1] * 5
    assert [row["lenient_score"] for row in result.rows] == [1.0] * 10
    assert all(name.startswith("eval/standard_") for name in [*result.metrics, *result.items])


def test_completions_end_before_the_first_stop(asking):
    whole = [row["completion"] for row in standard(asking()).rows]
    stop = next(character for character in whole[0][3:] if not character.isspace())
    cut = standard(asking(stops=(stop, "never said")))
    assert [row["completion"] for row in cut.rows] == [text.partition(stop)[0] for text in whole]
    assert cut.metrics["eval/standard_completion_tokens"] < 24


def test_a_prompt_that_does_not_fit_is_not_measured_and_that_is_said(asking, caplog):
    with caplog.at_level(logging.INFO):
        assert standard(asking(), context_tokens=25) is None
    assert "echo: the standard prompt is not measured: 10 of 10 do not fit with 24 new tokens" in caplog.text


def test_a_benchmark_without_one_is_not_asked_so(toy, asking):
    assert set(identify(toy(n_examples=0)).completions) == {""}
    at_zero = asking().model_copy(update={"n_examples": 0})
    assert set(identify(at_zero).completions) == {"", "standard"}
    assert set(identify(asking()).completions) == {""}


def test_lenient_scores_stand_beside_strict_ones(toy):
    class Lenient(toy.benchmark):
        def score(self, example, completion):
            if self.test().index(example) < 6:
                return Verdict(0.0, None, "format", lenient=Verdict(1.0, "kaba", None))
            return Verdict(1.0, "lode", None)

    config = toy(benchmark=Lenient())
    model, tokenizer = identify(config).base.load()
    test, file = config.benchmark.test(), config.tracking.root / "completions.json"
    complete(model, tokenizer, config.benchmark, test, config, torch.device("cpu"), [], file)
    result = score(config.benchmark, test, read_completions(file), config.generation)
    assert result.metrics["eval/accuracy"] == pytest.approx(0.4)
    assert result.metrics["eval/accuracy_lenient"] == 1.0
    assert result.metrics["eval/accuracy_lenient_stderr"] == 0.0
    assert result.items["eval/accuracy_lenient"].tolist() == [1] * 10
    assert {row["lenient_extracted"] for row in result.rows} == {"kaba", "lode"}
