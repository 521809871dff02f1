"""Completions by a server: any that speaks OpenAI's completions, such as vLLM's or `transformers serve`."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from src.config.generation import Served
from src.errors import FathomError
from src.models.prompt import PromptFormat

# Worth another try: too many requests, and what a server or a proxy answers when it is overloaded or restarting.
RETRIED = {408, 409, 429, 500, 502, 503, 504}
SHOWN = 300


class ServerEngine:
    """Greedy: temperature 0; see `src/generation/engine.py` for the contract.

    With `generation.prompts=tokens` prompts go as token ids, with the stop tokens, and token ids are asked for (the
    names of these fields are vLLM's). With `text`, or where none come back, the tokens are those of the text: another
    spelling of it, maybe, than the model's. What was cut off is then filled up to `max_new_tokens` with stop tokens,
    which no text shows.

    `generate` raises FathomError where the server refuses, cannot be reached after `retries` further tries or speaks
    another protocol, and where a text would not reach the model as the tokens of its prompt.
    """

    def __init__(self, url: str, model: str, prompts: PromptFormat, settings: Served) -> None:
        self.url = f"{url.rstrip('/')}/completions"
        self.model = model
        self.prompts = prompts
        self.settings = settings
        self.session = requests.Session()
        retry = Retry(
            settings.retries,
            status_forcelist=RETRIED,
            allowed_methods=None,
            backoff_factor=0.5,
            backoff_jitter=0.5,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=settings.concurrency, max_retries=retry))
        if settings.key_variable is not None:
            if not os.environ.get(settings.key_variable):
                raise FathomError(
                    f"generation.key_variable: the environment variable {settings.key_variable} is not set"
                )
            self.session.headers["Authorization"] = f"Bearer {os.environ[settings.key_variable]}"

    def generate(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        on_finished: Callable[[Mapping[int, list[int]]], None] | None = None,
    ) -> list[list[int]]:
        bodies = [self._body(prompt, max_new_tokens) for prompt in prompts]
        completions: list[list[int]] = [[] for _ in prompts]
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            asked = {pool.submit(self._ask, body): place for place, body in enumerate(bodies)}
            try:
                for future in as_completed(asked):
                    place = asked[future]
                    completions[place] = self._tokens(future.result(), max_new_tokens)
                    if on_finished:
                        on_finished({place: completions[place]})
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # the rest would fail in the same way
                raise
        return completions

    def _body(self, prompt: list[int], max_new_tokens: int) -> dict[str, Any]:
        body = {"model": self.model, "max_tokens": max_new_tokens, "temperature": 0}
        if self.settings.prompts == "text":
            return body | {"prompt": self._text(prompt)}
        return body | {
            "prompt": prompt,
            "stop_token_ids": sorted(self.prompts.stop_ids),
            "return_token_ids": True,
            "repetition_penalty": 1.0,  # or a model's own generation config sets one
        }

    def _text(self, prompt: list[int]) -> str:
        """The text that the server's tokenizer, taken to be the model's, turns into `prompt`."""
        tokenizer = self.prompts.tokenizer
        whole = str(tokenizer.decode(prompt, skip_special_tokens=False, clean_up_tokenization_spaces=False))
        bare = whole.removeprefix(tokenizer.bos_token or "")  # many tokenizers put it in front by themselves
        for text in (whole, bare, bare.removeprefix(" ")):
            if list(tokenizer(text)["input_ids"]) == prompt:
                return text
        raise FathomError(
            f"generation.prompts=text: as text this prompt would reach the model in other tokens: {whole[-SHOWN:]!r}; "
            "take prompts=tokens with a server that reads tokens, such as vLLM's"
        )

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """The choice that the server answers with."""
        try:
            response = self.session.post(self.url, json=body, timeout=self.settings.timeout_seconds)
        except requests.RequestException as error:
            raise FathomError(f"generation: {self.url} cannot be reached: {error}") from error
        if not response.ok:
            tokens_refused = response.status_code in (400, 422) and self.settings.prompts == "tokens"
            instead = "; where it reads no tokens take generation.prompts=text" if tokens_refused else ""
            raise FathomError(
                f"generation: {self.url} answered {response.status_code}: {response.text[:SHOWN]}{instead}"
            )
        try:
            choice: dict[str, Any] = response.json()["choices"][0]
            choice["text"], choice["finish_reason"]
        except (requests.JSONDecodeError, LookupError, TypeError) as error:
            raise FathomError(
                f"generation: {self.url} does not speak OpenAI's completions; it answered {response.text[:SHOWN]!r}"
            ) from error
        return choice

    def _tokens(self, choice: dict[str, Any], max_new_tokens: int) -> list[int]:
        stop_ids = self.prompts.stop_ids
        tokens: list[int] | None = choice.get("token_ids")
        if tokens is not None:
            return tokens[: next((n for n, token in enumerate(tokens) if token in stop_ids), len(tokens))]
        tokens = self.prompts.encode_continued(choice["text"])
        if choice["finish_reason"] == "length":
            tokens = [*tokens, *[min(stop_ids)] * (max_new_tokens - len(tokens))]
        return tokens
