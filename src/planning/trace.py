"""A training step and an evaluation on fake tensors: the project's own code runs, nothing is computed or downloaded."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import PreTrainedModel

from src.config.method import Lora, QLora
from src.config.model import Dtype, HubModel, Model
from src.config.train import TrainConfig
from src.generation.nll import batch_nll
from src.generation.row_cache import RowCache
from src.models.loss import token_nll
from src.models.tiny import tiny_config
from src.modules.causal_lm import CausalLM
from src.planning.live_tensors import KINDS, LiveTensors, Work
from src.planning.quantised import stand_in_for_4_bits
from src.points.base import Base
from src.points.train import held_dtype, optimisation_of, trainable

FEW_LAYERS = (2, 3)  # of the models that are traced; all layers of a model are alike


@dataclass(frozen=True)
class PassShape:
    """Rows of `width` tokens that go through the model together, `answers` of which the loss counts."""

    rows: int
    width: int
    answers: int

    @property
    def work(self) -> dict[Work, int]:
        """What the kinds of operations are proportional to."""
        tokens = self.rows * self.width
        return {"matmul": tokens, "attention": tokens * self.width, "logits": self.answers}


@dataclass(frozen=True)
class Trace:
    """What was seen of a model cut to few layers and to one more: all that follows is of its `layers`.

    `flops` are those of one unit of each kind of work (see `PassShape.work`). `gathered_bytes` are those of two layers
    and of all that is outside of layers, as they are computed with.
    """

    layers: int
    histories: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
    flops: dict[Work, float]
    parameters: int
    gathered_bytes: float
    weight_bytes: float
    trained_bytes: float  # of the weights that are trained; their gradients are as large
    optimiser_bytes: float

    def peak(self, shares: Mapping[str, float] | None = None) -> dict[str, float]:
        """Bytes by kind when most is held; of some kinds only a share lies on the device.

        Within a phase the fullest moment stays the same whatever the number of layers, and grows by as much with each.
        """
        share = np.array([(shares or {}).get(kind, 1.0) for kind in KINDS])
        few, more = ({phase: _fullest(history * share) for phase, history in h.items()} for h in self.histories)
        further = self.layers - FEW_LAYERS[0]
        peaks = [few[phase] + further * (more[phase] - few[phase]) for phase in few]
        return dict(zip(KINDS, max(peaks, key=np.sum).tolist(), strict=True))

    def flops_of(self, work: Mapping[Work, float]) -> float:
        return sum(self.flops[kind] * units for kind, units in work.items())


def trace_training(config: TrainConfig, precision: str, largest: PassShape, accumulates: bool) -> Trace:
    """One optimiser step over a pass of that shape, its optimiser's state there already.

    `accumulates`: the gradients of an earlier pass of the step are there too.
    """

    def build(layers: int) -> PreTrainedModel:
        model = _base(config.model, layers, held_dtype(config))
        if not isinstance(config.method, QLora):
            return trainable(model, config)
        stand_in_for_4_bits(model, "bfloat16" if precision.startswith("bf16") else "float32")
        adapters = Lora.model_validate(config.method.model_dump() | {"name": "lora"})
        return trainable(model, config.model_copy(update={"method": adapters}))

    def step(model: PreTrainedModel) -> LiveTensors:
        live = LiveTensors(model.config.vocab_size, largest.answers)
        live.hold([*model.parameters(), *model.buffers()], "weights")
        ids = torch.zeros(largest.rows, largest.width, dtype=torch.long)
        trained = [p for p in model.parameters() if p.requires_grad]
        with live:
            with live.making("optimiser"):
                moments = [torch.empty(round(state * p.numel()), dtype=torch.uint8) for p in trained]
            if accumulates:
                with live.making("gradients"):
                    for parameter in trained:
                        parameter.grad = torch.empty_like(parameter)
            _follow_gradients(model, trained, live)
            live.enter("forward")
            with _autocast(precision):
                loss = token_nll(model, ids, torch.arange(largest.width).expand_as(ids), ids).sum()
            live.enter("backward of the last layer")
            loss.backward()
            live.enter("optimiser")
            del moments
        return live

    state = optimiser_bytes(config)
    return _trace(config.model, build, step, largest, precision, state)


def trace_evaluation(model: Model, precision: str, reference: PassShape, prompts: PassShape, new_tokens: int) -> Trace:
    """The loss of reference answers, prompts taken in, and the last new token: each as large as it gets."""

    def build(layers: int) -> PreTrainedModel:
        return _base(model, layers, "bfloat16" if precision.startswith("bf16") else "float32").eval()

    each = reference.answers // reference.rows

    def evaluate(evaluated: PreTrainedModel) -> LiveTensors:
        live = LiveTensors(evaluated.config.vocab_size, each * reference.rows)
        live.hold([*evaluated.parameters(), *evaluated.buffers()], "weights")
        with live, torch.no_grad():
            item = ([0] * (reference.width - each), [0] * each)
            live.enter("reference answers")
            batch_nll(evaluated, [item] * reference.rows)
            of_reference = live.flops.copy()
            live.enter("prompts")
            _complete(evaluated, _Cache(live), prompts.rows, 0, prompts.width)
            full = _Cache(live)
            full.fill(evaluated.config, prompts.rows, prompts.width + new_tokens - 1, evaluated.dtype)
            live.enter("last token")
            _complete(evaluated, full, prompts.rows, prompts.width + new_tokens - 1, 1)
        live.flops = of_reference
        return live

    return _trace(model, build, evaluate, PassShape(reference.rows, reference.width, each * reference.rows), precision)


class _Cache(RowCache):
    def __init__(self, live: LiveTensors) -> None:
        super().__init__()
        self.live = live

    def update(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        with self.live.making("cache"):
            return super().update(*args, **kwargs)

    def fill(self, shape: Any, rows: int, tokens: int, dtype: torch.dtype) -> None:
        head = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
        for layer in range(shape.num_hidden_layers):
            states = torch.empty(rows, shape.num_key_value_heads, tokens, head, dtype=dtype)
            self.update(states, states, layer)


def _complete(model: PreTrainedModel, cache: RowCache, rows: int, before: int, new: int) -> None:
    """As the engines call the model."""
    columns = torch.arange(before + new)
    model(
        input_ids=torch.zeros(rows, new, dtype=torch.long),
        attention_mask=(columns >= 0).expand(rows, -1),
        position_ids=columns[before:].expand(rows, -1),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )


def _follow_gradients(model: PreTrainedModel, trained: list[nn.Parameter], live: LiveTensors) -> None:
    """What becomes a gradient is one from then on, and where a layer has all of its own the way back has a border.

    It is fullest in the last layer, where it begins with all activations, or in the first, where all gradients are.
    """
    layers = model.get_decoder().layers
    waited_for = [{id(p) for p in layer.parameters() if p.requires_grad} for layer in layers]

    def arrived(parameter: Tensor) -> None:
        assert parameter.grad is not None
        live.hold([parameter.grad], "gradients")
        for layer, missing in enumerate(waited_for):
            if id(parameter) in missing:
                missing.remove(id(parameter))
                if not missing and layer == 1:
                    live.enter("backward of the first layer")
                elif not missing and layer > 1:
                    live.enter("between")

    for parameter in trained:
        parameter.register_post_accumulate_grad_hook(arrived)


def _trace(
    model: Model,
    build: Callable[[int], PreTrainedModel],
    run: Callable[[PreTrainedModel], LiveTensors],
    of: PassShape,
    precision: str,
    optimiser_bytes: float = 0.0,
) -> Trace:
    seen, sizes = [], []
    for layers in FEW_LAYERS:
        with torch.device("meta"):  # no data there either, and unlike fake tensors its own can be converted
            cut = build(layers)
        parameters = [*cut.parameters()]
        trained = [p for p in parameters if p.requires_grad]
        numbers = [sum(p.numel() for p in parameters), sum(p.nbytes for p in parameters)]
        sizes.append(np.array([*numbers, sum(p.numel() for p in trained), sum(p.nbytes for p in trained)]))
        if layers == FEW_LAYERS[0]:
            computed_in = 2 if precision.startswith("bf16") else 4
            gathered = sum(p.numel() * min(p.element_size(), computed_in) for p in parameters)
        with FakeTensorMode(allow_non_fake_inputs=True):
            _make_fake(cut)
            seen.append(run(cut))
    further = _layers(model) - FEW_LAYERS[0]
    of_all = sizes[0] + further * (sizes[1] - sizes[0])
    flops: dict[Work, float] = {}
    for kind, units in of.work.items():
        first, second = (live.flops[kind] for live in seen)
        flops[kind] = (first + further * (second - first)) / max(1, units)
    few, more = (
        {phase: h for phase, h in live.histories.items() if phase not in ("start", "between")} for live in seen
    )
    return Trace(
        layers=_layers(model),
        histories=(few, more),
        flops=flops,
        parameters=int(of_all[0]),
        gathered_bytes=gathered,
        weight_bytes=float(of_all[1]),
        trained_bytes=float(of_all[3]),
        optimiser_bytes=float(optimiser_bytes * of_all[2]),
    )


def optimiser_bytes(config: TrainConfig) -> float:
    """A trained parameter, seen where a small matrix is really stepped: not all optimisers take fake ones."""
    # Paged moments are as large, and want a CUDA device.
    recipe = config.recipe.model_copy(update={"optimizer": config.recipe.optimizer.removeprefix("paged_")})
    config = config.model_copy(update={"recipe": recipe})
    matrix = nn.Linear(256, 256, bias=False, dtype=getattr(torch, held_dtype(config) or "float32"))
    module = CausalLM(matrix, optimisation_of(config, config.recipe.lr, total_steps=1))  # type: ignore[arg-type]
    optimiser: Any = module.configure_optimizers()["optimizer"]  # type: ignore[index,call-overload]
    matrix.weight.grad = torch.zeros_like(matrix.weight)
    optimiser.step()
    kept = [value for state in optimiser.state.values() for value in state.values() if isinstance(value, Tensor)]
    return sum(value.nbytes for value in kept) / matrix.weight.numel()


def _fullest(history: np.ndarray) -> np.ndarray:
    return history[history.sum(axis=1).argmax()]


def _layers(model: Model) -> int:
    if isinstance(model, HubModel):
        return model.architecture.num_hidden_layers
    return tiny_config(model.family, model.size).num_hidden_layers


def _base(model: Model, layers: int, dtype: Dtype | None) -> PreTrainedModel:
    """The model with random weights, cut to its first layers."""
    changes: dict[str, Any] = {"init": "random"}
    if isinstance(model, HubModel):
        changes["architecture"] = model.architecture.model_copy(update={"num_hidden_layers": layers})
    cut = Base(model.model_copy(update=changes), None, "").load(dtype)[0]
    decoder: Any = cut.get_decoder()
    decoder.layers = decoder.layers[:layers]
    cut.config.num_hidden_layers = layers
    return cut


def _make_fake(model: PreTrainedModel) -> None:
    """The processor stands for every device: fake tensors of others want their drivers."""
    made: dict[Tensor, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
            if parameter not in made:  # embeddings may be tied
                made[parameter] = nn.Parameter(torch.empty_like(parameter, device="cpu"), parameter.requires_grad)
            module._parameters[name] = made[parameter]
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = torch.empty_like(buffer, device="cpu")


def _autocast(precision: str) -> AbstractContextManager[Any]:
    """As Lightning does it."""
    if precision != "bf16-mixed":
        return nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False)
