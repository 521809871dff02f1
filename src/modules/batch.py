"""Examples as tensors: packed rows, positions that restart with each example, and targets on the answer alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from src.models.loss import IGNORE
from src.models.prompt import Encoded
from src.modules.plan import pack


@dataclass  # not frozen: Lightning's precision plugins refuse to convert one that is
class Pass:
    """One forward pass of an optimiser step. The tensors are (rows, tokens), int64.

    `position_ids` restart at 0 with every example, which is how transformers keeps packed examples from attending to
    each other; `targets` holds at each position the next token where that belongs to an answer, else IGNORE.
    `example_lengths` are those of the examples where they fill a single row, else empty.
    `answer_tokens` counts the targets of the whole step, over all its passes and ranks; `last` ends the step.
    """

    input_ids: Tensor
    position_ids: Tensor
    targets: Tensor
    tokens: int
    example_lengths: tuple[int, ...] = ()
    answer_tokens: int = 0
    last: bool = True

    def to(self, device: torch.device) -> "Pass":
        tensors = {name: getattr(self, name).to(device, non_blocking=True) for name in TENSORS}
        return replace(self, **tensors)


TENSORS = ("input_ids", "position_ids", "targets")


@dataclass(frozen=True)
class Layout:
    """How the examples of a step become rows of tokens and forward passes."""

    packing: bool
    micro_batch_tokens: int
    one_row: bool = False  # what attends example by example wants those of a pass in a single row, without padding

    def rows(self, lengths: Sequence[int]) -> tuple[list[list[int]], int]:
        """Which of the examples of these lengths share a row, and how many rows a forward pass takes."""
        # Rows no longer than the longest example: that pads least, and longer ones would only cost attention.
        rows = pack(lengths, max(lengths)) if self.packing else [[i] for i in range(len(lengths))]
        row_tokens = max(sum(lengths[i] for i in row) for row in rows)
        return rows, max(1, self.micro_batch_tokens // row_tokens)

    def passes(self, lengths: Sequence[int]) -> int:
        """The forward passes of a step over examples of these lengths."""
        if len(lengths) * max(lengths) <= self.micro_batch_tokens:
            return 1
        rows, rows_per_pass = self.rows(lengths)
        return -(-len(rows) // rows_per_pass)


def lay_out(examples: Sequence[Encoded], layout: Layout) -> list[Pass]:
    """The forward passes of one optimiser step over `examples`; their gradients add up to the step's."""
    rows, rows_per_pass = layout.rows([len(example) for example in examples])
    answer_tokens = sum(len(example.answer) for example in examples)
    return [
        replace(
            collate([[examples[i] for i in row] for row in rows[start : start + rows_per_pass]], layout.one_row),
            answer_tokens=answer_tokens,
            last=start + rows_per_pass >= len(rows),
        )
        for start in range(0, len(rows), rows_per_pass)
    ]


def even_out(passes: list[Pass], number: int) -> list[Pass]:
    """The same passes and so many blank ones before them that there are `number`.

    Ranks and Lightning's accumulation need equal counts. A blank holds two tokens and no target, so it costs next to
    nothing and adds a gradient of zero.
    """
    two = torch.zeros(1, 2, dtype=torch.long)
    answer_tokens = passes[0].answer_tokens if passes else 0
    blank = Pass(two, torch.arange(2)[None], torch.full_like(two, IGNORE), 0, (2,), answer_tokens, last=False)
    return [blank] * (number - len(passes)) + passes


def collate(rows: Sequence[Sequence[Encoded]], one_row: bool = False) -> Pass:
    """Rows of examples as tensors, padded on the right by tokens that nothing attends to and nothing predicts."""
    if one_row:
        rows = [[example for row in rows for example in row]]
    lengths = [sum(len(example) for example in row) for row in rows]
    input_ids = torch.zeros(len(rows), max(lengths), dtype=torch.long)
    position_ids = torch.zeros_like(input_ids)
    targets = torch.full_like(input_ids, IGNORE)
    for r, row in enumerate(rows):
        start = 0
        for example in row:
            end = start + len(example)
            answer = start + len(example.prompt)
            input_ids[r, start:end] = torch.tensor(example.prompt + example.answer)
            position_ids[r, start:end] = torch.arange(len(example))
            targets[r, answer - 1 : end - 1] = input_ids[r, answer:end]
            start = end
    alone = tuple(len(example) for example in rows[0]) if len(rows) == 1 else ()
    return Pass(input_ids, position_ids, targets, tokens=sum(lengths), example_lengths=alone)
