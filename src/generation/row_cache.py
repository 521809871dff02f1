"""A KV cache whose rows can leave and join while the others go on."""

from typing import Any, cast

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

# Columns added at a time. transformers' DynamicCache copies the whole cache for every token.
_ROOM = 64


class RowCache(Cache):
    """Keys and values of a batch, (rows, heads, tokens, head size) in every layer, padded on the left.

    Every layer keeps all tokens. In a sliding-window model the attention mask does the sliding, which transformers
    builds from the model's config and the length of the cache.
    """

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=_RowLayer)

    def keep(self, rows: Tensor, first_column: int) -> None:
        """Forget all rows but `rows` (indices), and the columns before `first_column`."""
        for layer in self._rows:
            layer.replace(layer.keys[rows, :, first_column:], layer.values[rows, :, first_column:])

    def join(self, other: "RowCache") -> None:
        """Add the rows of `other` below; the shorter cache is padded on the left. An empty cache becomes the other."""
        if not self.layers:
            self.layers = other.layers
            return
        length = max(self.get_seq_length(), other.get_seq_length())
        for layer, joining in zip(self._rows, other._rows, strict=True):
            layer.replace(
                _stack(layer.keys, joining.keys, length),
                _stack(layer.values, joining.values, length),
            )

    @property
    def _rows(self) -> "list[_RowLayer]":
        return cast("list[_RowLayer]", self.layers)


class _RowLayer(DynamicLayer):
    """One layer: `keys` and `values` are the filled part of buffers that have room for further tokens."""

    keys: Tensor
    values: Tensor
    _key_buffer: Tensor
    _value_buffer: Tensor

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.replace(key_states[:, :, :0], value_states[:, :, :0])
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self._key_buffer.shape[2]:
            self._key_buffer = _with_room(self.keys, end + _ROOM)
            self._value_buffer = _with_room(self.values, end + _ROOM)
        self._key_buffer[:, :, start:end] = key_states
        self._value_buffer[:, :, start:end] = value_states
        self.keys, self.values = self._key_buffer[:, :, :end], self._value_buffer[:, :, :end]
        return self.keys, self.values

    def replace(self, keys: Tensor, values: Tensor) -> None:
        self.keys = self._key_buffer = keys
        self.values = self._value_buffer = values


def _with_room(states: Tensor, length: int) -> Tensor:
    rows, heads, filled, size = states.shape
    buffer = states.new_empty(rows, heads, length, size)
    buffer[:, :, :filled] = states
    return buffer


def _stack(above: Tensor, below: Tensor, length: int) -> Tensor:
    """Both, one above the other, each flush right in `length` columns; the padding is 0, not whatever memory held:
    it is masked, but 0 · NaN would be NaN."""
    rows = above.shape[0] + below.shape[0]
    stacked = above.new_zeros(rows, above.shape[1], length, above.shape[3])
    stacked[: above.shape[0], :, length - above.shape[2] :] = above
    stacked[above.shape[0] :, :, length - below.shape[2] :] = below
    return stacked
