"""The fast engine: greedy decoding in a batch that stays full.

Answers differ in length. `generate` of transformers computes every row of a batch until the last one has ended; here
the rows that have ended leave and the next prompts take their place.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from src.generation.row_cache import RowCache

# Rows that have ended leave together, once so large a share has: every time the whole cache is copied.
_ENDED_SHARE = 1 / 8


class GreedyEngine:
    """Greedy decoding with a KV cache; see `src/generation/engine.py` for the contract.

    The batch's rows times (longest prompt + new tokens) stay within `batch_tokens`. The model is set to eval mode.
    `stopped` says of a completion so far that it need not go on: it ends with the token that made it so.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        stop_ids: Collection[int],
        batch_tokens: int,
        stopped: Callable[[list[int]], bool] = lambda _: False,
    ) -> None:
        self.model = model
        self.stop_ids = frozenset(stop_ids)
        self.batch_tokens = batch_tokens
        self.stopped = stopped

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        on_finished: Callable[[Mapping[int, list[int]]], None] | None = None,
    ) -> list[list[int]]:
        self.model.eval()
        completions: list[list[int]] = [[] for _ in prompts]
        ended = [False] * len(prompts)

        def record(items: list[int], tokens: Tensor) -> None:
            for item, token in zip(items, tokens.tolist(), strict=True):
                if ended[item]:
                    continue
                if token in self.stop_ids:
                    ended[item] = True
                    continue
                completions[item].append(token)
                ended[item] = len(completions[item]) == max_new_tokens or self.stopped(completions[item])

        # Taken from the end, longest first: neighbours are alike, and what does not fit into memory fails at once.
        waiting = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        batch = _Batch(self.model, self.choose)
        while waiting or batch.items:
            live = [row for row, item in enumerate(batch.items) if not ended[item]]
            if len(live) > (1 - _ENDED_SHARE) * len(batch.items):
                record(batch.items, batch.step())
                continue
            if on_finished:
                on_finished({item: completions[item] for item in batch.items if ended[item]})
            batch.keep(live)
            longest = max((len(prompts[i]) for i in [*batch.items, *waiting[-1:]]), default=0)
            rows = max(1, self.batch_tokens // (longest + max_new_tokens))
            joining = [waiting.pop() for _ in range(min(rows - len(batch.items), len(waiting)))]
            if joining:
                record(joining, batch.join(joining, [prompts[i] for i in joining]))
        return completions

    def choose(self, logits: Tensor, places: Sequence[int]) -> Tensor:
        """The next token (rows,) from the logits (rows, vocabulary) of the prompts in these places."""
        return logits.argmax(dim=-1)


class _Batch:
    """Sequences that are decoded together, one a row, padded on the left.

    `items` names the prompt of each row; `starts` (rows,) is the column of its first token; `tokens` (rows,) its newest
    token, which is not in the cache yet.
    """

    def __init__(self, model: PreTrainedModel, choose: Callable[[Tensor, Sequence[int]], Tensor]) -> None:
        self.model = model
        self.choose = choose
        self.items: list[int] = []
        self.starts = self.tokens = torch.empty(0, dtype=torch.long, device=model.device)
        self.cache = RowCache()

    def step(self) -> Tensor:
        """One more token for every row."""
        self.tokens = self.choose(self._logits(self.tokens[:, None], self.starts, self.cache), self.items)
        return self.tokens

    def keep(self, rows: list[int]) -> None:
        """Let go of all rows but `rows`, and of the columns that no row needs any more."""
        index = torch.tensor(rows, dtype=torch.long, device=self.model.device)
        self.items = [self.items[row] for row in rows]
        self.starts, self.tokens = self.starts[index], self.tokens[index]
        unused = int(self.starts.min()) if rows else self.cache.get_seq_length()
        self.starts = self.starts - unused
        self.cache.keep(index, unused)

    def join(self, items: list[int], prompts: list[list[int]]) -> Tensor:
        """Take in further rows; returns their first tokens. A prompt that several of them have is read once."""
        device = self.model.device
        different = {prompt: row for row, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        width = max(len(prompt) for prompt in different)
        input_ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in different], device=device)
        starts = torch.tensor([width - len(prompt) for prompt in different], device=device)
        cache = RowCache()
        logits = self._logits(input_ids, starts, cache)
        if len(different) < len(prompts):
            rows = torch.tensor([different[tuple(prompt)] for prompt in prompts], device=device)
            logits, starts = logits[rows], starts[rows]
            cache.keep(rows, 0)
        tokens = self.choose(logits, items)

        before = self.cache.get_seq_length()
        self.cache.join(cache)
        length = self.cache.get_seq_length()
        self.items = self.items + items
        self.starts = torch.cat([self.starts + (length - before), starts + (length - width)])
        self.tokens = torch.cat([self.tokens, tokens])
        return tokens

    def _logits(self, input_ids: Tensor, starts: Tensor, cache: RowCache) -> Tensor:
        """The logits (rows, vocabulary) after `input_ids` (rows, new tokens), whose predecessors are in `cache`."""
        before = cache.get_seq_length()
        columns = torch.arange(before + input_ids.shape[1], device=input_ids.device)
        output = self.model(
            input_ids=input_ids,
            attention_mask=columns >= starts[:, None],
            position_ids=(columns[before:] - starts[:, None]).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1]
        return logits
