"""Examples as token ids: the tokenizer's chat template, or a plain prompt where it has none."""

from collections.abc import Sequence
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


Shot = tuple[str, str]
"""A question and its answer that stand in front of the prompt."""
BETWEEN_SHOTS = "\n\n"


class PromptFormat:
    """Turns prompts and answers into token ids, the same way in training and in evaluation.

    With a chat template, the answer's tokens are what the template adds when the assistant's turn is filled in. Without
    one, the plain prompt (BOS in front) and the answer (EOS behind) are tokenised apart, so that no token straddles
    the border and generation starts from exactly the tokens that training saw.

    Shots are earlier turns of the chat, or plain prompts with their answers, an empty line behind each.
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

    def encode_prompt(self, prompt: str, shots: Sequence[Shot] = ()) -> list[int]:
        if self.chat:
            return self._template([*_turns(shots), {"role": "user", "content": prompt}], add_generation_prompt=True)
        texts = [self.plain_prompt.format(prompt=asked) + answer + BETWEEN_SHOTS for asked, answer in shots]
        texts.append(self.plain_prompt.format(prompt=prompt))
        ids = [token for text in texts for token in self.tokenizer.encode(text, add_special_tokens=False)]
        bos = self.tokenizer.bos_token_id
        return ids if bos is None else [bos, *ids]

    def encode(self, prompt: str, answer: str, shots: Sequence[Shot] = ()) -> Encoded:
        prompt_ids = self.encode_prompt(prompt, shots)
        if not self.chat:
            answer_ids = self.tokenizer.encode(answer, add_special_tokens=False)
            return Encoded(prompt_ids, [*answer_ids, self.tokenizer.eos_token_id])
        whole = self._template(_turns([*shots, (prompt, answer)]), add_generation_prompt=False)
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

    def decode(self, completion: list[int], shots: Sequence[Shot] = ()) -> str:
        """The completion's text; after plain shots, up to where the model goes on to a question of its own."""
        text = str(self.tokenizer.decode(completion, skip_special_tokens=True))
        next_question = BETWEEN_SHOTS + self.plain_prompt.partition("{prompt}")[0]
        return text.split(next_question)[0] if shots and not self.chat else text

    def _template(self, turns: list[dict[str, str]], *, add_generation_prompt: bool) -> list[int]:
        rendered: Any = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=True
        )
        return list(rendered["input_ids"])


def _turns(shots: Sequence[Shot]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": content}
        for shot in shots
        for role, content in zip(("user", "assistant"), shot, strict=True)
    ]
