"""Where a point's base model comes from: a local directory, the hub, fresh weights, or a pretraining run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import LlamaConfig, MistralConfig, PreTrainedModel, PreTrainedTokenizerBase

from src.config.model import Dtype, HubModel, TinyModel
from src.config.tracking import Tracking
from src.config.trainer import Trainer
from src.models.hub import locate
from src.models.load import fresh_model, hub_architecture, load_model, load_tokenizer
from src.models.out_of_memory import within_memory
from src.models.skeleton import skeleton
from src.models.tiny import Family, tiny_config, tiny_tokenizer
from src.points.code_identity import code_of
from src.points.known_digest import known_digest
from src.points.pretraining import pretrained
from src.tracking.identity import digest

# Random bases borrow the tokenizer of this family: it can encode any text.
BORROWED_TOKENIZER: Family = "llama3"


@dataclass(frozen=True)
class Base:
    """A base before it is loaded. `directory` is None where the weights are drawn rather than read."""

    model: TinyModel | HubModel
    directory: Path | None
    digest: str

    @property
    def context_tokens(self) -> int:
        """How many tokens the base can look at: for a tiny one, as many as it was pretrained on."""
        model = self.model
        if isinstance(model, TinyModel):
            return model.pretraining.sequence_length
        return model.architecture.max_position_embeddings

    @within_memory("loading the base", "take model.dtype=bfloat16 (docs/memory.md) or a smaller model")
    def load(self, dtype: Dtype | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The weights in `dtype`, or in the one that the model's section names."""
        return self._load_model(dtype), self.tokenizer()

    def tokenizer(self) -> PreTrainedTokenizerBase:
        model = self.model
        if self.directory is not None:
            trusted = isinstance(model, HubModel) and model.trust_remote_code
            return load_tokenizer(self.directory, trusted)
        return tiny_tokenizer(model.family if isinstance(model, TinyModel) else BORROWED_TOKENIZER)

    def skeleton(self, dtype: Dtype | None = None) -> PreTrainedModel:
        """What `load` loads, without its weights."""
        return skeleton(self.directory or self._architecture(), dtype or self._dtype, **self.reading)

    @property
    def reading(self) -> dict[str, Any]:
        """How weights of this model are read from files, its own and what is trained of it."""
        model = self.model
        if self.directory is None or isinstance(model, TinyModel):
            return {}
        return {"attn_implementation": model.attn_implementation, "trust_remote_code": model.trust_remote_code}

    @property
    def _dtype(self) -> Dtype:
        return "float32" if isinstance(self.model, TinyModel) else self.model.dtype

    def _architecture(self) -> LlamaConfig | MistralConfig:
        model = self.model
        if isinstance(model, TinyModel):
            return tiny_config(model.family, model.size)
        return hub_architecture(model.architecture, self.tokenizer())

    def _load_model(self, dtype: Dtype | None) -> PreTrainedModel:
        dtype = dtype or self._dtype
        if self.directory is None:
            return fresh_model(self._architecture(), seed=0, dtype=dtype)
        return load_model(self.directory, dtype, **self.reading)


def find_base(model: TinyModel | HubModel, trainer: Trainer, tracking: Tracking) -> Base:
    """The base that a model section describes; a tiny base that is missing is pretrained first."""
    if model.init == "random":
        # Weights that are drawn are known by what draws them.
        drawn_by = code_of("src.models.load", "src.models.tiny")
        return Base(model, None, digest(["random", model.model_dump(exclude={"name"}), drawn_by]))
    if isinstance(model, TinyModel):
        directory = pretrained(model, trainer, tracking)
    else:
        directory = locate(model.path, model.revision)
    return Base(model, directory, _directory_digest(directory, tracking.root.resolve()))


def _directory_digest(directory: Path, root: Path) -> str:
    """Digest of everything in the directory that the loaded model depends on."""
    wanted = sorted(p for p in directory.iterdir() if p.suffix in {".json", ".safetensors", ".model", ".jinja"})
    return digest({path.name: known_digest(path, root) for path in wanted})
