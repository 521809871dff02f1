"""Evaluation on several ranks: what one answers, two answer, wherever an earlier try was interrupted."""

import json
from dataclasses import asdict

import pytest
import torch
from torch.distributed.tensor import DTensor

from src.config.train import TrainConfig
from src.evaluation.completions import complete, read_completions
from src.points.point import identify
from src.points.start import Start
from tests.conftest import SECTIONS, Echo
from tests.ranks import on_ranks

SAMPLED = {"name": "sampled", "samples": 3, "temperature": 1.0, "pass_at": [1], "seed": 0}
GENERATIONS = {"greedy": {"name": "greedy"}, "hf": {"name": "hf"}, "sampled": SAMPLED}
# By place in the test set: what three ranks of an earlier try had written down.
EARLIER = {0: {0: [70], 4: [71]}, 1: {9: [72, 73]}, 2: {2: []}}


def completed(root, ranks, strategy="ddp"):
    """The completions by the way of generating, then those of an evaluation that goes on from EARLIER."""
    found = {}
    for name, generation in (GENERATIONS | {"resumed": GENERATIONS["greedy"]}).items():
        trainer = SECTIONS["trainer"] | {"devices": ranks, "strategy": strategy}
        tracking = {"uri": None, "root": root, "flush_seconds": 1.0, "patience_seconds": 0.0}
        sections = {"trainer": trainer, "generation": {"batch_tokens": 100} | generation, "tracking": tracking}
        config = TrainConfig(**SECTIONS | sections, benchmark=Echo())
        model, tokenizer = Start(identify(config).base, None).load_to_measure(config.trainer, torch.device("cpu"))
        file = root / f"{name}.json"
        complete(model, tokenizer, config.benchmark, config.benchmark.test(), config, torch.device("cpu"), [], file)
        blocks = model.get_decoder().layers.parameters()
        held = sum((p.to_local() if isinstance(p, DTensor) else p).numel() for p in blocks)
        assert (held < 0.51 * sum(p.numel() for p in model.get_decoder().layers.parameters())) == (strategy == "fsdp")
        if file.exists():  # the first rank writes it
            found[name] = asdict(read_completions(file)) | {"seconds": {}}
    return found


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    made = {of: tmp_path_factory.mktemp("root") for of in ("one", "ddp", "fsdp")}
    for root in made.values():
        for rank, answers in EARLIER.items():
            lines = [json.dumps([place, tokens]) + "\n" for place, tokens in answers.items()]
            (root / f"resumed.{rank}.jsonl").write_text("".join(lines) + "[5, [1")
    return made


@pytest.fixture(scope="module")
def on_one(roots):
    return completed(roots["one"], 1)


@pytest.fixture(scope="module", params=["ddp", "fsdp"])
def on_two(request, roots):
    return on_ranks(2, completed, roots[request.param], 2, request.param)


@pytest.mark.parametrize("name", [*GENERATIONS, "resumed"])
def test_two_ranks_answer_what_one_answers_and_find_its_losses_to_the_bit(on_one, on_two, name):
    assert on_two[name] == on_one[name]


def test_what_any_rank_had_answered_is_kept(on_one, on_two):
    earlier = {place: tokens for of_rank in EARLIER.values() for place, tokens in of_rank.items()}
    for result in (on_one, on_two):
        lengths = result["resumed"]["tokens"]
        assert {place: lengths[place] for place in earlier} == {place: len(of) for place, of in earlier.items()}
        others = [place for place in range(10) if place not in earlier]
        assert [result["resumed"]["texts"][i] for i in others] == [result["greedy"]["texts"][i] for i in others]


def test_nothing_is_left_but_the_completions(on_one, on_two, roots):
    done = [root for root in roots.values() if (root / "resumed.json").exists()]
    assert len(done) >= 2
    assert not [file for root in done for file in root.glob("*.jsonl")]
