"""A judge behind any HTTP endpoint that speaks OpenAI's chat completions."""

import json
import logging
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import requests

from src.errors import FathomError
from src.judging.judge import QUESTION, Comparison, Judge, Keep, Opinion, judge_question, read_reply

log = logging.getLogger(__name__)

# Worth another try: too many requests, and what a server or a proxy answers when it is overloaded or restarting.
RETRIED = {408, 409, 429, 500, 502, 503, 504, 529}
LONGEST_WAIT_SECONDS = 60.0
SHOWN = 300


@dataclass(eq=False)
class EndpointJudge(Judge):
    """Asks at temperature 0, several comparisons at a time.

    Newer models of OpenAI's take `max_completion_tokens` for `max_tokens` and no temperature but their own: what an
    endpoint refuses by name is sent otherwise, or not at all, from then on, and a warning says so.

    The key is read from the environment variable `key_variable` (None: no key is sent). Raises FathomError where the
    endpoint refuses, cannot be reached, or answers in another protocol after `retries` further tries.
    """

    base_url: str
    model: str
    key_variable: str | None
    max_tokens: int
    timeout_seconds: float
    retries: int
    workers: int
    first_wait_seconds: float = 1.0

    def __post_init__(self) -> None:
        self.url = f"{self.base_url.rstrip('/')}/chat/completions"
        self.settings = {"url": self.url, "model": self.model, "max_tokens": self.max_tokens, "question": QUESTION}
        self.limits: dict[str, Any] = {"temperature": 0, "max_tokens": self.max_tokens}
        self.headers = {}
        if self.key_variable is not None:
            if not os.environ.get(self.key_variable):
                raise FathomError(f"judge.key_variable: the environment variable {self.key_variable} is not set")
            self.headers["Authorization"] = f"Bearer {os.environ[self.key_variable]}"

    def compare(self, comparisons: Sequence[Comparison], keep: Keep) -> None:
        def ask(place: int) -> None:
            reply = self._ask(judge_question(comparisons[place]))
            keep(place, Opinion(read_reply(reply), reply))

        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(ask, place) for place in range(len(comparisons))]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # the rest would fail in the same way, and cost
                raise

    def _ask(self, question: str) -> str:
        wait = self.first_wait_seconds
        tries_left = self.retries
        while True:
            limits = self.limits
            body = {"model": self.model, "messages": [{"role": "user", "content": question}], **limits}
            try:
                response = requests.post(self.url, json=body, headers=self.headers, timeout=self.timeout_seconds)
            except requests.RequestException as error:
                problem, asked_wait = f"cannot be reached: {error}", None
            else:
                if response.ok:
                    return _content(response, self.url)
                problem = f"answered {response.status_code}: {response.text[:SHOWN]}"
                if response.status_code not in RETRIED:
                    self.limits = self._accepted(limits, response, problem)
                    continue
                asked_wait = _seconds(response.headers.get("Retry-After"))
            if not tries_left:
                raise FathomError(f"judge: {self.url} {problem} (tried {self.retries + 1} times)")
            longest = min(LONGEST_WAIT_SECONDS, wait)
            time.sleep(min(LONGEST_WAIT_SECONDS, asked_wait) if asked_wait else random.uniform(longest / 2, longest))
            tries_left -= 1
            wait *= 2

    def _accepted(self, limits: dict[str, Any], response: requests.Response, problem: str) -> dict[str, Any]:
        """`limits` without the one that is refused by name. Raises FathomError where it is something else."""
        refused = _refused_parameter(response)
        if refused not in limits or refused == "max_completion_tokens":
            raise FathomError(f"judge: {self.url} {problem}")
        others = {name: value for name, value in limits.items() if name != refused}
        if refused == "max_tokens":
            return {**others, "max_completion_tokens": self.max_tokens}
        log.warning("judge: %s takes no temperature of 0; its own is used, so that its opinions may vary", self.model)
        return others


def _refused_parameter(response: requests.Response) -> str | None:
    """What `error.param` names in a refusal (400)."""
    try:
        named: Any = response.json()["error"]["param"] if response.status_code == 400 else None
    except (json.JSONDecodeError, requests.JSONDecodeError, LookupError, TypeError):
        return None
    return named if isinstance(named, str) else None


def _content(response: requests.Response, url: str) -> str:
    try:
        (choice, *_) = response.json()["choices"]
        content: str = choice["message"]["content"] or ""
    except (json.JSONDecodeError, requests.JSONDecodeError, LookupError, TypeError, ValueError) as error:
        raise FathomError(
            f"judge: {url} does not speak OpenAI's chat completions; it answered {response.text[:SHOWN]!r}"
        ) from error
    if not content and choice.get("finish_reason") == "length":
        raise FathomError("judge.max_tokens: the model spent them all before it said anything; raise it.")
    return content


def _seconds(retry_after: str | None) -> float | None:
    try:
        return float(retry_after) if retry_after else None
    except ValueError:  # a date: rare, and waiting by our own schedule does as well
        return None
