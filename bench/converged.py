"""Is `recipe=converged` at an optimum? Other lengths and learning rates around what it chose, at several n.

    python bench/converged.py [--benchmarks=arithmetic,multihop] [--n=32,316,3162] [--seeds=0,1] [recipe.lr=…]

Half and twice the steps that it kept, and it again with half and twice the learning rate, are trained beside it on a
benchmark of another seed than any study uses, and compared on examples of the pool that nothing else has seen. A row
gives the difference of their loss from that of `converged` with its standard error over examples (and over seeds, where
there are several); below minus two standard errors, the recipe chose badly.
"""

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from src.benchmarks.data.nested_subset import ranked
from src.config.check import check
from src.config.train import TrainConfig
from src.evaluation.metrics import linearised
from src.generation.nll import answer_nll
from src.models.prompt import Encoded, PromptFormat
from src.modules.training import prepare_torch
from src.points.draw import draw
from src.points.export import load_export
from src.points.point import identify
from src.points.start import Start
from src.points.train import train

BENCHMARK_SEED = 77
HELD_OUT = 500
CONF = Path(__file__).parents[1] / "conf"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--benchmarks", default="arithmetic,multihop,list_functions")
    parser.add_argument("--n", default="32,316,3162")
    parser.add_argument("--seeds", default="0")
    options, overrides = parser.parse_known_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    print("| benchmark | n | rate | steps kept (taken) | loss | half the steps | twice | half the rate | twice |")
    print("|---|---|---|---|---|---|---|---|---|")
    for benchmark in options.benchmarks.split(","):
        for n in map(int, options.n.split(",")):
            print(_row(benchmark, n, seeds, overrides), flush=True)


def _row(benchmark: str, n: int, seeds: list[int], overrides: list[str]) -> str:
    rates, steps, losses = [], [], []
    differences: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        common = [f"benchmark={benchmark}", f"benchmark.seed={BENCHMARK_SEED}", f"n_examples={n}", f"seed={seed}"]
        common += ["trainer.progress_bar=false", *overrides]
        chosen, nll, tokens = _trained(common)
        kept, rate = int(chosen["train/optimizer_steps"]), chosen["train/best_lr"]
        steps.append(f"{kept} ({chosen['train/total_steps']:.0f}){' bound' * int(chosen['train/bound_hit'])}")
        rates.append(f"{rate:.2g}")
        losses.append(nll.sum() / tokens.sum())
        fixed = ["recipe.until=null", "recipe.search=[]", f"recipe.lr={rate}"]
        others = {
            "half the steps": [*fixed, f"recipe.steps={max(1, kept // 2)}"],
            "twice the steps": [*fixed, f"recipe.steps={2 * kept}"],
            "half the rate": ["recipe.search=[]", f"recipe.lr={rate / 2}"],
            "twice the rate": ["recipe.search=[]", f"recipe.lr={rate * 2}"],
        }
        for name, changed in others.items():
            _, other, _ = _trained([*common, *changed])
            apart = linearised(other - nll, tokens)
            differences.setdefault(name, []).append((float(apart.mean()), float(apart.std(ddof=1) / len(apart) ** 0.5)))
    chosen_at = f"{', '.join(rates)} | {', '.join(steps)} | {statistics.fmean(losses):.4f}"
    return f"| {benchmark} | {n} | {chosen_at} | {' | '.join(_cell(found) for found in differences.values())} |"


def _cell(found: list[tuple[float, float]]) -> str:
    """Mean over seeds ± its standard error: that over examples, and that between seeds."""
    mean = statistics.fmean(difference for difference, _ in found)
    variance = statistics.fmean(error**2 for _, error in found) / len(found)
    if len(found) > 1:
        variance += statistics.variance(difference for difference, _ in found) / len(found)
    error = math.sqrt(variance)
    return f"{mean:+.4f} ± {error:.4f}{' **better**' if mean < -2 * error else ''}"


def _trained(overrides: list[str]) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """What the point logs of its training, and the loss and the tokens of each held-out answer."""
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        config = check(compose("train", overrides=[*overrides, "recipe=converged"]), TrainConfig)
    prepare_torch(config.trainer)
    point = identify(config)
    prompts = PromptFormat(point.base.tokenizer(), config.model.plain_prompt)
    drawn = draw(point, prompts)
    facts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as work:
        start = Start(point.base, None)
        train(point, start, drawn, Path(work), lambda metrics, step: facts.update(metrics))
        model, _ = load_export(start.load, Path(work) / "export", "float32", start.reading)
    unseen: list[Encoded] = []
    for example in reversed(ranked(point.pool, config.seed)):
        encoded = prompts.encode(example.prompt, example.answer)
        if encoded not in drawn.val and len(unseen) < HELD_OUT:
            unseen.append(encoded)
    model.eval()
    nll, tokens = np.array(answer_nll(model, [(e.prompt, e.answer) for e in unseen], 4096)).T
    print(json.dumps({"overrides": overrides, "loss": nll.sum() / tokens.sum(), **facts}), flush=True)
    return facts, nll, tokens


if __name__ == "__main__":
    main()
