"""Where a point's examples come from, and how many of them fit into a context."""

import pytest

from src.benchmarks.benchmark import Example
from src.errors import FathomError
from src.models.prompt import PromptFormat
from src.points.draw import draw, shots_that_fit, training_data
from src.points.point import identify
from src.tasks.finetune import finetune
from src.tracking.query import points, predictions
from src.tracking.store import open_store

IN_CONTEXT = {"name": "in_context", "context_tokens": None}


def drawn_shots(config):
    point = identify(config)
    prompts = PromptFormat(point.base.tokenizer(), config.model.plain_prompt)
    drawn = draw(point, prompts)
    return point, prompts, drawn, shots_that_fit(point, drawn, prompts)


def test_in_context_takes_the_examples_that_finetuning_would_as_many_as_fit(toy):
    finetuned = toy(n_examples=20)
    point, prompts, drawn, shots = drawn_shots(toy(n_examples=20, method={**IN_CONTEXT, "context_tokens": 120}))
    trained_on = draw(identify(finetuned), prompts).examples
    assert [(e.prompt, e.answer) for e in trained_on][: len(shots)] == shots
    assert 0 < len(shots) < 20
    completion = point.config.benchmark.max_new_tokens
    assert all(len(prompts.encode_prompt(item.prompt, shots)) + completion <= 120 for item in point.test)
    one_more = [*shots, (drawn.examples[len(shots)].prompt, drawn.examples[len(shots)].answer)]
    assert any(len(prompts.encode_prompt(item.prompt, one_more)) + completion > 120 for item in point.test)


def test_a_tiny_base_looks_at_what_it_was_pretrained_on(toy):
    point, prompts, _, shots = drawn_shots(toy(n_examples=40, method=IN_CONTEXT))
    longest = max(len(prompts.encode_prompt(item.prompt, shots)) for item in point.test)
    assert longest <= point.config.model.pretraining.sequence_length - point.config.benchmark.max_new_tokens


def test_a_context_that_takes_no_example_gets_a_sentence(toy):
    with pytest.raises(FathomError, match=r"method.context_tokens: not one example fits into 30 tokens"):
        drawn_shots(toy(method={**IN_CONTEXT, "context_tokens": 30}))


def test_an_in_context_point_trains_nothing_and_logs_how_many_examples_it_saw(toy):
    config = toy(n_examples=5, method=IN_CONTEXT)
    finetune(config)
    (record,) = points(open_store(config.tracking.uri, config.tracking.root), config.study)
    assert 0 < record.metrics["eval/examples_in_context"] <= 5
    assert "train/loss" not in record.metrics
    assert record.metrics["eval/n_items"] == 10


def test_on_a_cpu_the_examples_of_a_pass_lie_in_one_row_without_padding_unless_they_are_not_to_be_packed(toy):
    config = toy(n_examples=20)
    prompts = PromptFormat(identify(config).base.tokenizer(), config.model.plain_prompt)
    drawn = draw(identify(config), prompts)
    (together, *_) = training_data(config, drawn.train, drawn.val).passes(0)
    assert together.input_ids.shape == (1, together.tokens)
    assert len(together.example_lengths) > 1
    unpacked = config.model_copy(update={"recipe": config.recipe.model_copy(update={"packing": False})})
    (apart, *_) = training_data(unpacked, drawn.train, drawn.val).passes(0)
    assert len(apart.input_ids) == len(together.example_lengths)


class TestOfAnotherPool:
    @pytest.fixture
    def other(self, toy):
        class Other(toy.benchmark):
            name: str = "other"

            def pool(self):
                return [Example(f"tell me {i}", "kaba", "kaba") for i in range(15)]

        return Other()

    def test_examples_come_from_train_on_and_the_test_set_from_the_benchmark(self, toy, other):
        config = toy(train_on=other)
        finetune(config)
        store = open_store(config.tracking.uri, config.tracking.root)
        (record,) = points(store, config.study)
        run = store.client.get_run(record.run_id)
        assert run.info.run_name == "tiny_llama3-s · echo · on other · n=10 · seed=0"
        assert {i.dataset.name for i in run.inputs.dataset_inputs} == {"other pool", "echo test"}
        assert run.data.params["train_on"] == "other"

    def test_its_size_is_the_one_that_counts(self, toy, other):
        with pytest.raises(FathomError, match="16 were asked for, but the pool of other holds 15"):
            identify(toy(train_on=other, n_examples=16))

    def test_the_same_model_is_measured_on_further_benchmarks(self, toy, other):
        config = toy(also={"echo_again": toy.benchmark(), "other": other})
        finetune(config)
        store = open_store(config.tracking.uri, config.tracking.root)
        (record,) = points(store, config.study)
        assert record.metrics["also/echo_again/nll"] == record.metrics["eval/nll"]
        assert record.metrics["also/other/n_items"] == 10
        assert len(predictions(store, record.run_id, "predictions_other")) == 10
