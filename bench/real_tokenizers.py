"""The tokenizers of the model families that Fathom names, from Python packages that ship them: no model hub needed.

Mistral's are in `mistral-common`, Llama 3's in `llama-models` (both of the extra `dev`). No package has Llama 2's: it
is SentencePiece BPE with 32,000 tokens like Mistral's, read by the same class of transformers.
"""

import base64
import json
import shutil
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from transformers import LlamaTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

# As their models' cards have them.
CHAT_TEMPLATES = {
    "mistral": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
        "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
    ),
    "llama3": (
        "{% for m in messages %}{% set c = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + "
        "m['content'] | trim + '<|eot_id|>' %}{{ (bos_token if loop.first else '') + c }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
    ),
    "chatml": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
}


def _mistral(name: str) -> Path:
    return _package("mistral_common") / "data" / name


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None and found.origin is not None, f"the package {name} is missing: pip install -e '.[dev]'"
    return Path(found.origin).parent


def _sentencepiece(model: str, *, legacy: bool) -> PreTrainedTokenizerBase:
    """As transformers reads a directory with a SentencePiece model (Llama 2)."""
    with TemporaryDirectory() as directory:
        shutil.copy(_mistral(model), Path(directory) / "tokenizer.model")
        return LlamaTokenizer.from_pretrained(directory, legacy=legacy)


def _published_form(model: str) -> PreTrainedTokenizerBase:
    """As tokenizer.json is published for Mistral 7B: the space in front comes from the normalizer."""
    backend = Tokenizer.from_str(_sentencepiece(model, legacy=False).backend_tokenizer.to_str())  # type: ignore[attr-defined]
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.pre_tokenizer = None  # type: ignore[assignment]
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _byte_level(
    file: Path, specials: list[str], bos: str, eos: str, pattern: str | None = None
) -> PreTrainedTokenizerBase:
    """As transformers converts a list of byte strings in the order of their ranks."""
    converter = TikTokenConverter(str(file)) if pattern is None else TikTokenConverter(str(file), pattern=pattern)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=converter.converted(), bos_token=bos, eos_token=eos)
    tokenizer.add_tokens([AddedToken(text, special=True) for text in specials])
    return tokenizer


def _llama3() -> PreTrainedTokenizerBase:
    specials = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    file = _package("llama_models") / "llama3" / "tokenizer.model"
    return _byte_level(file, specials, "<|begin_of_text|>", "<|end_of_text|>")


def _tekken() -> PreTrainedTokenizerBase:
    tekken = json.loads(_mistral("tekken_240718.json").read_bytes())
    config = tekken["config"]
    kept = tekken["vocab"][: config["default_vocab_size"] - config["default_num_special_tokens"]]
    with TemporaryDirectory() as directory:
        file = Path(directory) / "tekken.tiktoken"
        file.write_text("".join(f"{token['token_bytes']} {token['rank']}\n" for token in kept))
        assert base64.b64decode(kept[0]["token_bytes"]) == b"\x00"
        return _byte_level(file, ["[INST]", "[/INST]"], "<s>", "</s>", config["pattern"])


_BUILT: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
    "mistral_v1": lambda: _published_form("tokenizer.model.v1"),
    "mistral_v3": lambda: _published_form("mistral_instruct_tokenizer_240323.model.v3"),
    "sentencepiece": lambda: _sentencepiece("tokenizer.model.v1", legacy=False),
    "sentencepiece_legacy": lambda: _sentencepiece("tokenizer.model.v1", legacy=True),
    "llama3": _llama3,
    "tekken": _tekken,
}
NAMES = tuple(_BUILT)


@cache
def real_tokenizer(name: str) -> PreTrainedTokenizerBase:
    return _BUILT[name]()
