import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from src.benchmarks.benchmark import BadData, Example
from src.benchmarks.lm_eval import LmEval, harness_results
from src.errors import FathomError

CONFIG = Path(__file__).parents[2] / "conf/benchmark/lm_eval.yaml"
CHOICE = """
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: right
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
GENERATED = """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[0]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 4}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
filter_list:
  - {name: whole, filter: [{function: take_first}]}
"""


def lm_eval(**changes: object) -> LmEval:
    fields = yaml.safe_load(CONFIG.read_text())
    assert fields.pop("_target_") == "src.benchmarks.lm_eval.LmEval"
    return LmEval(**{**fields, "task": "arc_easy", **changes})


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {character: i for i, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    raw = Tokenizer(models.BPE({**vocabulary, "<eos>": 256}, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", pad_token="<eos>")


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    """Sure of itself: whatever stands before, an `a` comes next."""
    config = LlamaConfig(
        vocab_size=257,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=64,
        bos_token_id=256,
        eos_token_id=256,
        pad_token_id=256,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.model.layers[0].parameters():
            weight.zero_()
        model.model.embed_tokens.weight.fill_(1.0)
        model.lm_head.weight.zero_()
        model.lm_head.weight[sorted(pre_tokenizers.ByteLevel.alphabet()).index("a")] = 1.0
    return model


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Four questions, three of which `a` answers; a group of both ways to ask them."""
    rows = [{"question": f"{i}?", "choices": ["aaaa", "bbbb"], "right": int(i == 3)} for i in range(4)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {tmp_path}/data.jsonl}}}}\ntest_split: test\n"
    (tmp_path / "choice.yaml").write_text(f"task: fathom_choice\n{source}{CHOICE}")
    (tmp_path / "generated.yaml").write_text(f"task: fathom_generated\n{source}{GENERATED}")
    group = {"group": "fathom_group", "task": ["fathom_choice"], "aggregate_metric_list": [{"metric": "acc"}]}
    (tmp_path / "group.yaml").write_text(yaml.safe_dump(group))
    return tmp_path


def test_it_has_no_examples_of_its_own() -> None:
    benchmark = lm_eval()
    assert benchmark.test() == []
    assert benchmark.chance() == 0
    with pytest.raises(BadData, match=r"no training examples for arc_easy; .* train_on=…"):
        benchmark.pool()
    with pytest.raises(BadData, match="harness"):
        benchmark.score(Example("x", "", ""), "y")


def test_a_task_is_needed() -> None:
    with pytest.raises(ValidationError, match="task"):
        lm_eval(task="")


def test_task_files_of_the_user_s_own_are_part_of_the_data(tasks: Path) -> None:
    files = lm_eval(include_path=tasks).data_files()
    assert [file.name for file in files] == ["choice.yaml", "generated.yaml", "group.yaml"]
    with pytest.raises(ValidationError, match=r"there is no directory .*nowhere"):
        lm_eval(include_path=tasks / "nowhere")


def test_where_the_harness_is_missing_the_message_says_what_to_install(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(FathomError, match=r"pip install -c constraints\.txt lm-eval"):
        harness_results(model, tokenizer, lm_eval())


def test_the_harness_asks_and_scores(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval", reason="needs the optional package lm-eval")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tasks / "cache"))

    def results(task: str, **changes: object) -> dict[str, float]:
        return harness_results(model, tokenizer, lm_eval(task=task, include_path=tasks, batch_size=2, **changes))

    choice = results("fathom_choice")
    assert choice["acc"] == 0.75 and list(choice) == ["acc", "acc_stderr"]
    assert choice["acc_stderr"] == pytest.approx((0.75 * 0.25 / 3) ** 0.5)
    assert results("fathom_choice", test_limit=3)["acc"] == 1
    assert results("fathom_group")["acc"] == 0.75
    assert results("fathom_generated")["exact_match/whole"] == 1
    with pytest.raises(FathomError, match="knows no task 'fathom_nothing'"):
        results("fathom_nothing")
