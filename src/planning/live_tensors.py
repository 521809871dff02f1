"""What lives in memory while code runs, by kind, and the floating-point operations it takes.

Seen operation by operation, so the code can run on fake tensors, which have shapes and no data: nothing is computed,
and a model of 70 billion parameters takes no memory.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten

Kind = Literal["weights", "casts", "gradients", "optimiser", "activations", "logits", "cache"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Work = Literal["matmul", "attention", "logits"]  # what operations are spent on

# torch counts the attention of every device but this one.
_CPU_ATTENTION: dict[Any, Callable[..., int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_: sdpa_flop_count(q.shape, k.shape, v.shape),
    aten._scaled_dot_product_flash_attention_for_cpu_backward: lambda grad, q, k, v, *_: sdpa_backward_flop_count(
        grad.shape, q.shape, k.shape, v.shape
    ),
}


class LiveTensors(TorchDispatchMode):
    """Counts bytes and operations within; `logits` are tensors `vocabulary` wide, `casts` are weights in another type.

    A mask in an index would have to be looked at to know how much it chooses, and a fake one cannot be: `chosen` says.
    """

    def __init__(self, vocabulary: int, chosen: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.chosen = chosen
        self.flops: Counter[Work] = Counter()
        self._made: Kind = "activations"  # what new tensors are
        self._kind: dict[int, Kind] = {}  # of each live storage
        self._live = dict.fromkeys(KINDS, 0)
        self._histories: dict[str, list[list[int]]] = {}
        self.enter("start")

    @property
    def histories(self) -> dict[str, np.ndarray]:
        """Of each phase the bytes (times, kinds), a row whenever something came into being."""
        return {phase: np.array(rows, dtype=np.float64) for phase, rows in self._histories.items()}

    def enter(self, phase: str) -> None:
        self._history = self._histories.setdefault(phase, [])
        self._record()

    def hold(self, tensors: Iterable[Tensor], kind: Kind) -> None:
        """These are of that kind, known before or not."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage._cdata in self._kind:
                self._live[self._kind[storage._cdata]] -= storage.nbytes()
                self._live[kind] += storage.nbytes()
                self._kind[storage._cdata] = kind
            else:
                self._add(tensor, kind)
        self._record()

    @contextmanager
    def making(self, kind: Kind) -> Iterator[None]:
        """New tensors are of this kind within."""
        before, self._made = self._made, kind
        yield
        self._made = before

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is aten.index.Tensor and args[1][0] is not None and args[1][0].dtype == torch.bool:
            whole, (mask,) = args
            out = whole.new_empty(self.chosen, *whole.shape[mask.ndim :])
        else:
            out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        if packet in _CPU_ATTENTION:
            self.flops["attention"] += _CPU_ATTENTION[packet](*args)
        elif packet in flop_registry:
            self.flops[self._work(args, out)] += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        known = len(self._kind)
        for tensor in tree_iter(out):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self._kind:
                self._add(tensor, self._kind_of(func, args, tensor))
        if len(self._kind) > known:
            self._record()
        return out

    def _kind_of(self, func: Any, args: Sequence[Any], made: Tensor) -> Kind:
        if self._made != "activations":
            return self._made
        if func is aten._to_copy.default and self._kind.get(args[0].untyped_storage()._cdata) == "weights":
            return "casts"
        return "logits" if made.ndim and made.shape[-1] == self.vocabulary else "activations"

    def _work(self, args: Sequence[Any], out: Any) -> Work:
        wide = any(isinstance(tensor, Tensor) and self.vocabulary in tensor.shape for tensor in tree_iter((args, out)))
        return "logits" if wide else "matmul"

    def _add(self, tensor: Tensor, kind: Kind) -> None:
        storage = tensor.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        self._kind[place] = kind
        self._live[kind] += size
        weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._live[self._kind.pop(place)] -= size

    def _record(self) -> None:
        self._history.append([*self._live.values()])
