"""What is measured, on a random model with benchmarks that bring something special."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from src.benchmarks.benchmark import Example, Verdict
from src.evaluation.completions import Completions, complete, read_completions
from src.evaluation.scoring import score
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine
from src.points.point import identify


def completed(config, test=None):
    model, tokenizer = identify(config).base.load()
    file = config.tracking.root / "completions.json"
    items = config.benchmark.test() if test is None else test
    complete(model, tokenizer, config.benchmark, items, config, torch.device("cpu"), [], file)
    return read_completions(file)


def measured(config, test=None):
    items = config.benchmark.test() if test is None else test
    return score(config.benchmark, items, completed(config, test), config.generation)


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


def test_every_metric_of_the_items_is_the_mean_of_its_values_by_item(toy):
    result = measured(toy())
    assert {"eval/accuracy", "eval/nll", "eval/format_error_rate", "eval/reasoning_error_rate"} <= result.items.keys()
    for name, values in result.items.items():
        assert values.shape == (10,)
        assert result.metrics[name] == pytest.approx(values.mean(dtype=float))
    assert result.items["eval/accuracy"].dtype == np.uint8
    nll, tokens = (np.array([row[field] for row in result.rows]) for field in ("nll", "answer_tokens"))
    assert result.metrics["eval/nll"] == pytest.approx(nll.sum() / tokens.sum())


def test_in_bfloat16_the_rotary_frequencies_stay_exact(toy):
    config = toy(trainer={"precision": "bf16-mixed"})
    model, tokenizer = identify(config).base.load()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    file = config.tracking.root / "completions.json"
    complete(model, tokenizer, config.benchmark, config.benchmark.test(), config, torch.device("cpu"), [], file)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert any("inv_freq" in name for name in before)
    for name, buffer in model.named_buffers():
        assert buffer.dtype == torch.float32 and torch.equal(buffer, before[name])


@pytest.mark.parametrize("generation", ["greedy", "sampled"])
def test_a_completion_ends_with_what_is_scored_of_it(toy, generation):
    class Stopping(toy.benchmark):
        stop: str = ""
        max_new_tokens: int = 24

        @property
        def stops(self):
            return (self.stop,) if self.stop else ()

        def own(self, completion):
            return completion.partition(self.stop)[0] if self.stop else completion

    section = SAMPLED if generation == "sampled" else {"name": "greedy"}
    whole = completed(toy(benchmark=Stopping(), generation=section))
    stop = next(character for character in whole.texts[0][3:] if not character.isspace())
    config = toy(benchmark=Stopping(stop=stop), generation=section)
    ended = completed(config)
    own = config.benchmark.own
    assert [own(text) for text in ended.texts] == [own(text) for text in whole.texts] != whole.texts
    assert all(text.startswith(cut) for text, cut in zip(whole.texts, ended.texts, strict=True))
    assert sum(ended.tokens) < 0.9 * sum(whole.tokens)
    rows = score(config.benchmark, config.benchmark.test(), ended, config.generation).rows
    assert [row["completion"] for row in rows] == [own(text) for text in whole.texts]


class Interrupted(Exception):
    pass


SAMPLED = {"name": "sampled", "samples": 2, "temperature": 1.0, "pass_at": [1], "seed": 0}


@pytest.mark.parametrize("generation", [{"name": "greedy"}, {"name": "hf"}, SAMPLED], ids=lambda of: of["name"])
def test_answers_that_were_given_before_an_interruption_are_not_asked_for_again(toy, monkeypatch, generation):
    config = toy(generation={**generation, "batch_tokens": 60})
    undisturbed = completed(config)
    (config.tracking.root / "completions.json").unlink()
    engine = HfEngine if generation["name"] == "hf" else GreedyEngine
    generate = engine.generate
    given = []

    def interrupted(self, prompts, max_new_tokens, on_finished):
        def keep(finished):
            on_finished(finished)
            given.append(len(finished))
            if sum(given) > 2:
                with (config.tracking.root / "completions.0.jsonl").open("a") as file:
                    file.write("[3, [1")  # torn by the end of the process
                raise Interrupted

        return generate(self, prompts, max_new_tokens, keep)

    monkeypatch.setattr(engine, "generate", interrupted)
    with pytest.raises(Interrupted):
        completed(config)
    assert 0 < sum(given) < len(undisturbed.tokens)
    assert not (config.tracking.root / "completions.json").exists()

    asked = []

    def counted(self, prompts, *arguments, **keywords):
        asked.extend(prompts)
        return generate(self, prompts, *arguments, **keywords)

    monkeypatch.setattr(engine, "generate", counted)
    resumed = completed(config)
    assert len(asked) == len(undisturbed.tokens) - sum(given)
    assert replace(resumed, seconds={}) == replace(undisturbed, seconds={})
    assert not list(config.tracking.root.glob("*.jsonl"))


def test_completions_come_back_from_their_file_to_the_last_digit(toy):
    made = completed(toy())
    assert [len(of) for of in (made.texts, made.tokens, made.losses)] == [10, 10, 10]
    assert made == Completions(**json.loads(json.dumps(asdict(made))))
