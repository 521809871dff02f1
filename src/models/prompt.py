"""Examples as token ids: the tokenizer's chat template, or a plain prompt where it has none."""

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from src.errors import FathomError


@dataclass(frozen=True)
class Encoded:
    """One example in tokens. The loss counts the tokens of `answer` (end-of-answer included) and no other."""

    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class PromptFormat:
    """Turns prompts and answers into token ids, the same way in training and in evaluation.

    With a chat template, the answer's tokens are what the template adds when the assistant's turn is filled in. Without
    one, the plain prompt (BOS in front) and the answer (EOS behind) are tokenised apart, so that no token straddles
    the border and generation starts from exactly the tokens that training saw.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, plain_prompt: str) -> None:
        self.tokenizer = tokenizer
        self.plain_prompt = plain_prompt
        self.chat = bool(tokenizer.chat_template)

    @property
    def stop_ids(self) -> set[int]:
        """Token ids that end an answer."""
        if self.chat:
            return {self.encode("x", "x").answer[-1], self.tokenizer.eos_token_id}
        return {self.tokenizer.eos_token_id}

    def encode_prompt(self, prompt: str) -> list[int]:
        if self.chat:
            turns = [{"role": "user", "content": prompt}]
            return self._template(turns, add_generation_prompt=True)
        ids = self.tokenizer.encode(self.plain_prompt.format(prompt=prompt), add_special_tokens=False)
        bos = self.tokenizer.bos_token_id
        return ids if bos is None else [bos, *ids]

    def encode(self, prompt: str, answer: str) -> Encoded:
        prompt_ids = self.encode_prompt(prompt)
        if not self.chat:
            answer_ids = self.tokenizer.encode(answer, add_special_tokens=False)
            return Encoded(prompt_ids, [*answer_ids, self.tokenizer.eos_token_id])
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        whole = self._template(turns, add_generation_prompt=False)
        if whole[: len(prompt_ids)] != prompt_ids:
            raise FathomError(
                "model: its chat template renders the prompt differently once the answer is there, so the answer's "
                "tokens cannot be told apart; remove the template from tokenizer_config.json to use model.plain_prompt"
            )
        answer_ids = whole[len(prompt_ids) :]
        # Some templates put a line break behind the end-of-turn token: nothing to learn there.
        specials = set(self.tokenizer.all_special_ids)
        last = max((i for i, token in enumerate(answer_ids) if token in specials), default=None)
        answer_ids = [*answer_ids, self.tokenizer.eos_token_id] if last is None else answer_ids[: last + 1]
        return Encoded(prompt_ids, answer_ids)

    def decode(self, completion: list[int]) -> str:
        return str(self.tokenizer.decode(completion, skip_special_tokens=True))

    def _template(self, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> list[int]:
        rendered: Any = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=True
        )
        return list(rendered["input_ids"])
