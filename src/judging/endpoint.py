"""A judge behind any HTTP endpoint that speaks OpenAI's chat completions."""

import json
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

# Worth another try: too many requests, and what a server or a proxy answers when it is overloaded or restarting.
RETRIED = {408, 409, 429, 500, 502, 503, 504, 529}
LONGEST_WAIT_SECONDS = 60.0
SHOWN = 300


@dataclass(eq=False)
class EndpointJudge(Judge):
    """Asks at temperature 0, several comparisons at a time.

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
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": self.max_tokens,
        }
        wait = self.first_wait_seconds
        for tries_left in range(self.retries, -1, -1):
            try:
                response = requests.post(self.url, json=body, headers=self.headers, timeout=self.timeout_seconds)
            except requests.RequestException as error:
                problem, asked_wait = f"cannot be reached: {error}", None
            else:
                if response.ok:
                    return _content(response, self.url)
                problem = f"answered {response.status_code}: {response.text[:SHOWN]}"
                if response.status_code not in RETRIED:
                    raise FathomError(f"judge: {self.url} {problem}")
                asked_wait = _seconds(response.headers.get("Retry-After"))
            if tries_left:
                longest = min(LONGEST_WAIT_SECONDS, wait)
                time.sleep(
                    min(LONGEST_WAIT_SECONDS, asked_wait) if asked_wait else random.uniform(longest / 2, longest)
                )
                wait *= 2
        raise FathomError(f"judge: {self.url} {problem} (tried {self.retries + 1} times)")


def _content(response: requests.Response, url: str) -> str:
    try:
        answer: Any = response.json()
        return answer["choices"][0]["message"]["content"] or ""
    except (json.JSONDecodeError, requests.JSONDecodeError, LookupError, TypeError) as error:
        raise FathomError(
            f"judge: {url} does not speak OpenAI's chat completions; it answered {response.text[:SHOWN]!r}"
        ) from error


def _seconds(retry_after: str | None) -> float | None:
    try:
        return float(retry_after) if retry_after else None
    except ValueError:  # a date: rare, and waiting by our own schedule does as well
        return None
