#!/bin/sh
# One GPU of H200's memory, in some minutes and without network: how much of its peak LoRA and full finetuning of
# llama3_8b (random weights) reach, beside TRL where it is installed; peak memory beside the plan; decoding beside
# transformers and, with VLLM_PYTHON=<interpreter of an environment with vLLM>, beside vLLM.
#
#     bench/gpu.sh                                  # GPU=h100_80gb: the peak of another GPU of conf/assumptions.yaml
#     GPU=h100_80gb METHODS=lora bench/gpu.sh       # what fits there
#
# Further arguments are overrides of src/train.py. On a CPU, with layers cut, everything but vLLM runs too:
#
#     EXAMPLES=8 BATCH=4 PROMPTS=4 NEW_TOKENS=8 bench/gpu.sh trainer=cpu model.architecture.num_hidden_layers=2 \
#         model.architecture.hidden_size=64 model.architecture.intermediate_size=96 model.architecture.vocab_size=2048 \
#         model.architecture.num_attention_heads=8 model.architecture.num_key_value_heads=4
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HUB_OFFLINE=1 PYTHONPATH="$PWD:$PWD/bench${PYTHONPATH:+:$PYTHONPATH}"
# A process each: what one leaves in the device's memory is no other's.
for method in ${METHODS:-lora full}; do
    "$PYTHON" bench/gpu.py train "$work" method="$method" "$@"
done
"$PYTHON" bench/gpu.py decode "$work" "$@"
if [ -n "${VLLM_PYTHON:-}" ]; then
    "$VLLM_PYTHON" bench/gpu_vllm.py "$work"
fi
