"""What is measured, on a random model with benchmarks that bring something special."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.benchmarks.benchmark import Example, Verdict
from src.evaluation.measure import measure, ratio_of_sums
from src.points.point import identify


def measured(config, test=None):
    model, tokenizer = identify(config).base.load()
    items = config.benchmark.test() if test is None else test
    return measure(model, tokenizer, config.benchmark, items, config, torch.device("cpu"))


def test_finer_classes_and_further_scores_become_metrics(toy):
    class Finer(toy.benchmark):
        def score(self, example, completion):
            place = self.test().index(example)
            if place < 4:
                return Verdict(0.0, None, "format", detail="syntax", parts={"words": [0.0, 1.0]})
            return Verdict(1.0, "", None, parts={"words": [1.0]} if place < 6 else {})

    metrics = measured(toy(benchmark=Finer())).metrics
    assert metrics["eval/accuracy"] == pytest.approx(0.6)
    assert metrics["eval/error/syntax"] == pytest.approx(0.4)
    assert metrics["eval/words"] == pytest.approx(6 / 10)  # (4 × [0, 1] and 2 × [1]) by value, not by item
    assert metrics["eval/words_stderr"] > 0


def test_items_without_a_reference_have_no_nll(toy):
    config = toy()
    some = [Example(e.prompt, "" if i < 5 else e.answer, e.gold) for i, e in enumerate(config.benchmark.test())]
    mixed = measured(config, some)
    assert [row["nll"] is None for row in mixed.rows] == [True] * 5 + [False] * 5
    assert mixed.metrics["eval/nll"] == pytest.approx(measured(config, some[5:]).metrics["eval/nll"])
    assert "eval/nll" not in measured(config, some[:5]).metrics


def test_the_guess_that_every_point_is_held_against(toy):
    class MostlyKaba(toy.benchmark):
        def pool(self):
            return [Example(f"say {i}", "kaba", "kaba") for i in range(9)] + [Example("say", "lode", "lode")]

        def test(self):
            return [Example(f"what {i}", "kaba", "kaba") for i in range(3)] + [Example("what", "lode", "lode")]

    assert measured(toy(benchmark=MostlyKaba())).metrics["eval/chance"] == 0.75


def test_several_samples_give_their_mean_and_pass_at_k(toy):
    class EvenLength(toy.benchmark):
        def score(self, example, completion):
            return Verdict(float(len(completion) % 2 == 0), completion, None if len(completion) % 2 == 0 else "format")

    generation = {"name": "sampled", "samples": 4, "temperature": 1.0, "pass_at": [1, 2, 4], "seed": 0}
    result = measured(toy(benchmark=EvenLength(), generation=generation))
    right = np.array([row["score"] for row in result.rows]).reshape(10, 4)
    assert [row["item"] for row in result.rows[:5]] == [0, 0, 0, 0, 1]
    assert result.metrics["eval/accuracy"] == result.metrics["eval/pass_at_1"] == pytest.approx(right.mean())
    assert result.metrics["eval/pass_at_4"] == pytest.approx((right.max(axis=1)).mean())
    assert right.mean() < result.metrics["eval/pass_at_2"] < result.metrics["eval/pass_at_4"]
    assert result.metrics["eval/n_items"] == 10


@given(st.lists(st.tuples(st.floats(0, 9), st.integers(1, 9)), min_size=2, max_size=9))
def test_a_mean_over_items_of_several_values_lies_among_theirs(items):
    sums, counts = np.array([value * count for value, count in items]), np.array([count for _, count in items])
    mean, stderr = ratio_of_sums(sums, counts.astype(float))
    values = [value for value, _ in items]
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    assert stderr >= 0


def test_with_one_value_an_item_its_error_is_that_of_a_mean():
    values = np.random.default_rng(0).normal(size=50)
    mean, stderr = ratio_of_sums(values, np.ones(50))
    assert mean == pytest.approx(values.mean())
    assert stderr == pytest.approx(values.std(ddof=1) / np.sqrt(50))
