"""vLLM's part of bench/gpu.sh, in an environment of its own: it pins other versions of torch and transformers.

python bench/gpu_vllm.py DIRECTORY      # holds config.json of the model and decode.json of bench/gpu.py
"""

import json
import sys
import time
from pathlib import Path

from vllm import LLM, SamplingParams


def main() -> None:
    directory = Path(sys.argv[1])
    asked = json.loads((directory / "decode.json").read_text())
    prompts = [{"prompt_token_ids": prompt} for prompt in asked["prompts"]]
    model = LLM(str(directory), load_format="dummy", skip_tokenizer_init=True, dtype="bfloat16", max_model_len=1024)
    sampling = SamplingParams(temperature=0, max_tokens=asked["new_tokens"], ignore_eos=True, detokenize=False)
    model.generate(prompts, sampling, use_tqdm=False)  # warms up
    started = time.perf_counter()
    answers = model.generate(prompts, sampling, use_tqdm=False)
    tokens = sum(len(answer.outputs[0].token_ids) for answer in answers)
    print(f"decode  vllm         {tokens / (time.perf_counter() - started):9,.0f} tokens/s")


if __name__ == "__main__":
    main()
