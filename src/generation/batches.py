"""Which sequences go through the model together."""

from collections.abc import Sequence


def length_sorted_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """The indices of `lengths` in batches, longest first, so that a batch is nearly even and wants little padding.

    A batch's number of rows times its longest length stays within `batch_tokens`, except that a single longer sequence
    is a batch of its own. Longest first also means that what does not fit into memory fails at once.
    """
    batches: list[list[int]] = []
    room = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=True):
        if room == 0:
            batches.append([])
            room = max(1, batch_tokens // max(1, lengths[i]))
        batches[-1].append(i)
        room -= 1
    return batches
