"""How many tokens the real benchmarks take by tokenizer: the table of docs/benchmarks.md.

    python bench/token_counts.py --data=../shared/data

The directory holds gsm8k/, humaneval/, mbpp/, ifeval/ and strategyqa/ with the files that the benchmarks read.
"""

import argparse
from pathlib import Path
from statistics import mean

from real_tokenizers import real_tokenizer

from src.benchmarks.benchmark import Benchmark, Example
from src.benchmarks.gsm8k import Gsm8k
from src.benchmarks.humaneval import HumanEval
from src.benchmarks.ifeval import IfEval
from src.benchmarks.mbpp import Mbpp
from src.benchmarks.strategyqa import StrategyQa
from src.models.prompt import PromptFormat
from src.models.tiny import tiny_tokenizer

TOKENIZERS = {
    "Mistral v1": lambda: real_tokenizer("mistral_v1"),
    "Mistral v3": lambda: real_tokenizer("mistral_v3"),
    "Tekken": lambda: real_tokenizer("tekken"),
    "Llama 3": lambda: real_tokenizer("llama3"),
    "tiny Llama 3": lambda: tiny_tokenizer("llama3"),
}
PLAIN_PROMPT = "Question: {prompt}\nAnswer:\n"  # conf/model/base/hub.yaml


def benchmarks(data: Path) -> list[Benchmark]:
    code = {"pool_file": None, "pool_repo": None, "sandbox": "limits_only", "max_new_tokens": 512}
    return [
        Gsm8k(name="gsm8k", max_new_tokens=512, path=data / "gsm8k"),
        StrategyQa(name="strategyqa", max_new_tokens=256, path=data / "strategyqa"),
        HumanEval(name="humaneval", path=data / "humaneval" / "HumanEval.jsonl.gz", plus_file=None, **code),
        Mbpp(name="mbpp", path=data / "mbpp" / "mbpp.jsonl", **code),
        IfEval(
            name="ifeval",
            max_new_tokens=1024,
            path=data / "ifeval" / "input_data.jsonl",
            pool_file=None,
            pool_repo=None,
            pool_pattern="*.jsonl",
        ),
    ]


def counts(benchmark: Benchmark, prompts: PromptFormat) -> dict[str, list[int]]:
    """By what is counted, the tokens of each item that has it."""
    test = benchmark.test()
    standard = benchmark.standard()
    assert standard is not None
    found = {
        "test: prompt": [len(prompts.encode_prompt(item.prompt)) for item in test],
        "test: answer": _answers(test, prompts),
        "test: standard prompt": [len(prompts.encode_text(standard.ask(item))) for item in test],
    }
    if not isinstance(benchmark, HumanEval | IfEval):  # these finetune on data from elsewhere
        pool = benchmark.pool()
        found["pool: prompt and answer"] = [len(prompts.encode(item.prompt, item.answer)) for item in pool]
    return {what: lengths for what, lengths in found.items() if lengths}


def _answers(items: list[Example], prompts: PromptFormat) -> list[int]:
    return [len(prompts.encode("", item.answer).answer) for item in items if item.answer]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    formats = {name: PromptFormat(make(), PLAIN_PROMPT) for name, make in TOKENIZERS.items()}
    print(f"| `benchmark=` | tokens of | items | {' | '.join(formats)} |")
    print(f"|---|---|---|{'---|' * len(formats)}")
    for benchmark in benchmarks(data):
        found = {name: counts(benchmark, prompts) for name, prompts in formats.items()}
        for what, lengths in next(iter(found.values())).items():
            cells = [f"{mean(by[what]):,.0f} ({max(by[what]):,})" for by in found.values()]
            print(f"| `{benchmark.name}` | {what} | {len(lengths):,} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
