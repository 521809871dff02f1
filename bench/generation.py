"""Our greedy engine beside transformers' `generate`: tokens a second on the same prompts, in turn.

    python bench/generation.py [--rounds 3] [--prompts 1000] [--rows 32 64 128 256]

A tiny Llama (0.8 M parameters, grouped-query attention) with random weights on one CPU thread; prompts of 30-120 random
tokens; at most 120 new ones. So that answers end, and at different lengths as real ones do, one in sixty of the tokens
that the model generates is a stop token. Prints the median speed of each engine (by CPU time, so that other processes
count for little), their ratio for each batch budget, and how many completions were equal: where two logits tie but for
rounding, the batch's shape decides.
"""

import argparse
import random
import statistics
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from src.generation.engine import Engine
from src.generation.greedy import GreedyEngine
from src.generation.hf import HfEngine

VOCABULARY = 1500
LONGEST_PROMPT = 120
MAX_NEW_TOKENS = 120


def tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=288,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.2,  # large enough that what is generated varies
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def draw_prompts(number: int) -> list[list[int]]:
    draw = random.Random(0)
    return [[draw.randrange(VOCABULARY) for _ in range(draw.randint(30, LONGEST_PROMPT))] for _ in range(number)]


def draw_stop_ids(model: LlamaForCausalLM, prompts: list[list[int]]) -> set[int]:
    unstopped = GreedyEngine(model, [], 100 * (LONGEST_PROMPT + MAX_NEW_TOKENS)).generate(prompts, MAX_NEW_TOKENS)
    generated = sorted({token for completion in unstopped for token in completion})
    return set(random.Random(0).sample(generated, len(generated) // 60))


def main() -> None:
    parser = argparse.ArgumentParser(description="Tokens a second of both generation engines.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[32, 64, 128, 256])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = tiny_llama()
    prompts = draw_prompts(arguments.prompts)
    stop_ids = draw_stop_ids(model, prompts[:100])

    for rows in arguments.rows:
        batch_tokens = rows * (LONGEST_PROMPT + MAX_NEW_TOKENS)
        engines: dict[str, Engine] = {
            "greedy": GreedyEngine(model, stop_ids, batch_tokens),
            "hf": HfEngine(model, stop_ids, batch_tokens),
        }
        speeds: dict[str, list[float]] = {name: [] for name in engines}
        completions: dict[str, list[list[int]]] = {}
        for _ in range(arguments.rounds):
            for name, engine in engines.items():
                started = time.process_time()
                completions[name] = engine.generate(prompts, MAX_NEW_TOKENS)
                seconds = time.process_time() - started
                speeds[name].append(sum(map(len, completions[name])) / seconds)
        greedy, hf = (statistics.median(speeds[name]) for name in ("greedy", "hf"))
        equal = sum(a == b for a, b in zip(completions["greedy"], completions["hf"], strict=True))
        print(
            f"{rows:4d} rows: greedy {greedy:6,.0f} tokens/s, hf {hf:6,.0f} tokens/s, ratio {greedy / hf:.2f}; "
            f"{equal} of {len(prompts)} completions equal",
            flush=True,
        )


if __name__ == "__main__":
    main()
