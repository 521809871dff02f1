"""Completions by servers that are real processes: the same as those of the engine at home, in float32."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from src.config.train import TrainConfig
from src.errors import FathomError
from src.evaluation.completions import Completions, complete, read_completions
from src.generation.server_engine import ServerEngine
from src.points.point import identify

TOKEN_SERVER = Path(__file__).parents[1] / "generation/token_server.py"
PYTHON = shlex.quote(sys.executable)
SERVED = {
    "name": "server",
    "url": None,
    "command": f"{PYTHON} {shlex.quote(str(TOKEN_SERVER))} {{weights}} {{port}}",
    "start_seconds": 120,
    "prompts": "tokens",
    "concurrency": 4,
    "timeout_seconds": 60,
    "retries": 1,
    "key_variable": None,
}
TRANSFORMERS_SERVE = (
    f"{PYTHON} -c 'from transformers.cli.transformers import main; main()' "
    "serve {weights} --port {port} --device cpu --dtype {dtype}"
)


def completed(config: TrainConfig, items: int = 10) -> Completions:
    model, tokenizer = identify(config).base.load()
    # Larger weights than a fresh model's, so that what is generated varies, and ends in a stop token at times.
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.mul_(1 if "norm" in name else 4)
        model.get_output_embeddings().weight[tokenizer.eos_token_id].mul_(3)
    file = config.tracking.root / "completions.json"
    complete(model, tokenizer, config.benchmark, config.benchmark.test()[:items], config, torch.device("cpu"), [], file)
    return read_completions(file)


def servers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children(recursive=True) if "token_server" in " ".join(one.cmdline())]


def test_a_server_that_reads_tokens_answers_what_the_engine_at_home_does(toy):
    at_home = completed(toy())
    lengths = set(at_home.tokens)
    assert len(lengths) > 2 and max(lengths) == 8  # ended early, and cut off
    served = toy(generation=SERVED)
    assert replace(completed(served), seconds={}) == replace(at_home, seconds={})
    assert servers() == []
    assert [path.name for path in served.tracking.root.glob("completions*")] == ["completions.json"]


@pytest.mark.slow
def test_transformers_serve_answers_what_the_engine_at_home_does(toy):
    pytest.importorskip("openai", reason="needs transformers[serving]")
    at_home = completed(toy())
    served = completed(toy(generation=SERVED | {"prompts": "text", "command": TRANSFORMERS_SERVE}))
    assert served.texts == at_home.texts
    assert [tokens >= 8 for tokens in served.tokens] == [tokens == 8 for tokens in at_home.tokens]


def test_a_server_that_ends_says_why(toy):
    dying = f"{PYTHON} -c 'import sys; print(\"no such kernel\"); sys.exit(3)' {{weights}} {{port}}"
    with pytest.raises(FathomError, match=r"(?s)ended with status 3; its log .* ends:\nno such kernel"):
        completed(toy(generation=SERVED | {"command": dying}))


def test_a_server_that_is_not_installed_or_not_there_in_time(toy):
    with pytest.raises(FathomError, match="no-such-server cannot be started"):
        completed(toy(generation=SERVED | {"command": "no-such-server {weights} {port}"}))
    silent = f"{PYTHON} -c 'import time; time.sleep(60)' {{weights}} {{port}}"
    with pytest.raises(FathomError, match=r"generation.start_seconds: .* within 0.5 s"):
        completed(toy(generation=SERVED | {"command": silent, "start_seconds": 0.5}))


@pytest.mark.slow
def test_answers_given_before_the_server_died_are_not_asked_for_again(toy, monkeypatch):
    config = toy(generation=SERVED | {"concurrency": 1, "retries": 0})
    generate = ServerEngine.generate
    asked: list[int] = []
    given: list[int] = []

    def told(self, prompts, max_new_tokens, on_finished):
        def kill_after_three(finished):
            on_finished(finished)
            given.extend(finished)
            if len(given) == 3:
                for one in servers():
                    one.kill()

        asked.append(len(prompts))
        return generate(self, prompts, max_new_tokens, kill_after_three)

    monkeypatch.setattr(ServerEngine, "generate", told)
    with pytest.raises(FathomError, match="the server ended with status -9"):
        completed(config)
    answered = len(given)
    assert replace(completed(config), seconds={}) == replace(completed(toy()), seconds={})
    assert asked == [10, 10 - answered]


def test_one_server_is_not_asked_by_several_ranks(toy):
    with pytest.raises(ValueError, match=r"here are 2 of trainer\.devices"):
        toy(generation=SERVED, trainer={"devices": 2, "strategy": "ddp"})


def test_a_command_says_where_the_weights_and_the_port_go(toy):
    with pytest.raises(ValueError, match=r"needs \{weights\} and \{port\}"):
        toy(generation=SERVED | {"command": "vllm serve {weights}"})
    with pytest.raises(ValueError, match="knows nothing else"):
        toy(generation=SERVED | {"command": "vllm serve {weights} --port {port} {gpu}"})
