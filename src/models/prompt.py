"""Examples as token ids: the tokenizer's chat template, or a plain prompt where it has none."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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

    With a chat template, the answer's tokens are those of what the template adds when the assistant's turn is filled
    in. Without one, it is the plain prompt (BOS in front) and the answer (EOS behind). Either way prompt and answer are
    tokenised apart, so that no token straddles the border and generation starts from exactly the tokens that training
    saw; and the answer goes on where the prompt ends: no space is put before it, and none of its own is lost.

    Shots are earlier turns of the chat, or plain prompts with their answers, an empty line behind each.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, plain_prompt: str) -> None:
        self.tokenizer = tokenizer
        self.plain_prompt = plain_prompt
        self.chat = bool(tokenizer.chat_template)
        # SentencePiece (Llama 2, Mistral) takes every text for the start of a line: it puts a space before it when it
        # encodes and takes one away when it decodes. Behind a line break, which no token spans, it does neither.
        line_break = self._ids("\n")
        puts_a_space = self._ids("x") != self._ids("\nx")[len(line_break) :]
        self._before = line_break if puts_a_space else []

    @property
    def stop_ids(self) -> set[int]:
        """Token ids that end an answer."""
        if self.chat:
            return {self.encode("x", "x").answer[-1], self.tokenizer.eos_token_id}
        return {self.tokenizer.eos_token_id}

    def encode_prompt(self, prompt: str, shots: Sequence[Shot] = ()) -> list[int]:
        if self.chat:
            return self._ids(self._rendered(_turns(shots), prompt))
        first, *others = [
            *(self.plain_prompt.format(prompt=asked) + answer + BETWEEN_SHOTS for asked, answer in shots),
            self.plain_prompt.format(prompt=prompt),
        ]
        return self.encode_text(first) + [token for text in others for token in self.encode_continued(text)]

    def encode_text(self, text: str) -> list[int]:
        """A text as it is, BOS in front: what a base sees where it is not asked in the form of finetuning."""
        bos = self.tokenizer.bos_token_id
        return self._ids(text) if bos is None else [bos, *self._ids(text)]

    def encode(self, prompt: str, answer: str, shots: Sequence[Shot] = ()) -> Encoded:
        prompt_ids = self.encode_prompt(prompt, shots)
        if not self.chat:
            return Encoded(prompt_ids, [*self.encode_continued(answer), self.tokenizer.eos_token_id])
        answer_ids = self.encode_continued(self._reply(prompt, answer, shots))
        # Some templates put a line break behind the end-of-turn token: nothing to learn there.
        last = max((i for i, token in enumerate(answer_ids) if token in self._specials), default=None)
        answer_ids = [*answer_ids, self.tokenizer.eos_token_id] if last is None else answer_ids[: last + 1]
        return Encoded(prompt_ids, answer_ids)

    def decode(self, completion: list[int], shots: Sequence[Shot] = ()) -> str:
        """The completion's text; after plain shots, up to where the model goes on to a question of its own."""
        text = self.decode_text(completion)
        if self.chat:
            return text.removeprefix(self._lead)
        next_question = BETWEEN_SHOTS + self.plain_prompt.partition("{prompt}")[0]
        return text.split(next_question)[0] if shots else text

    def decode_text(self, completion: list[int]) -> str:
        """The completion's text as it goes on from what stands before it, leading spaces included."""
        ids = [*self._before, *completion]
        # Cleaning up would take the spaces out of code such as `x = a , b`.
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return text[1:] if self._before else text

    @cached_property
    def _specials(self) -> set[int]:
        # An end of turn need not have a name such as eos_token.
        added = self.tokenizer.added_tokens_decoder.items()
        return {*self.tokenizer.all_special_ids, *(i for i, token in added if token.special)}

    @cached_property
    def _lead(self) -> str:
        """What the template puts between the start of the assistant's turn and the answer, such as a space."""
        return self._reply("x", "x", ()).partition("x")[0]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def encode_continued(self, text: str) -> list[int]:
        """The tokens of a text that goes on from another one."""
        return self._ids("\n" + text)[len(self._before) :] if self._before else self._ids(text)

    def _reply(self, prompt: str, answer: str, shots: Sequence[Shot]) -> str:
        """All that the template adds to the prompt where it is answered."""
        asked, whole = self._rendered(_turns(shots), prompt), self._rendered(_turns([*shots, (prompt, answer)]))
        if not whole.startswith(asked):
            raise FathomError(
                "model: its chat template renders the prompt differently once the answer is there, so the answer's "
                "tokens cannot be told apart; remove the template from tokenizer_config.json to use model.plain_prompt"
            )
        return whole[len(asked) :]

    def _rendered(self, turns: list[dict[str, str]], prompt: str | None = None) -> str:
        """The chat as text; with a prompt, up to where its answer begins."""
        asked = [] if prompt is None else [{"role": "user", "content": prompt}]
        return str(
            self.tokenizer.apply_chat_template(
                [*turns, *asked], add_generation_prompt=prompt is not None, tokenize=False
            )
        )


def _turns(shots: Sequence[Shot]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": content}
        for shot in shots
        for role, content in zip(("user", "assistant"), shot, strict=True)
    ]
