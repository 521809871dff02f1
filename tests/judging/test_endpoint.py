import re
import threading
from types import SimpleNamespace

import pytest

from src.errors import FathomError
from src.judging.endpoint import EndpointJudge
from src.judging.judgement import AnswerPair, judge_pairs

PAIRS = [AnswerPair(f"question {i}", f"good answer {i}", f"bad answer {i}") for i in range(6)]


def judge(server, key_variable=None, retries=2, workers=4):
    return EndpointJudge(server.base_url, "m", key_variable, 200, 60.0, retries, workers, first_wait_seconds=0.01)


def prefers(word):
    """A judge that takes the answer with the word in it."""

    def reply(question):
        first = re.search(r"answer A\n(.*)\n", question).group(1)
        return f"Because.\n\nVerdict: {'A' if word in first else 'B'}"

    return reply


def test_each_pair_is_asked_in_both_orders_with_the_protocol_s_fields(server, tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "secret")
    server.reply = prefers("good")
    metrics = judge_pairs(judge(server, key_variable="JUDGE_KEY"), PAIRS, tmp_path / "cache.jsonl").metrics
    assert metrics["win_rate"] == metrics["consistency"] == 1.0
    assert len(server.requests) == 12
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 200)


def test_a_judge_that_always_takes_the_first_is_exposed(server, tmp_path):
    server.reply = lambda _: "Verdict: A"
    metrics = judge_pairs(judge(server), PAIRS, tmp_path / "cache.jsonl").metrics
    assert metrics["consistency"] == 0
    assert metrics["position_bias"] == 1
    assert metrics["win_rate"] == 0.5
    assert "sign_test_p" not in metrics


def test_a_reply_without_a_verdict_is_kept_and_counted(server, tmp_path):
    server.reply = lambda question: "I like both." if "question 0" in question else "Verdict: B"
    judgement = judge_pairs(judge(server), PAIRS, tmp_path / "cache.jsonl")
    assert judgement.metrics["invalid_share"] == pytest.approx(1 / 6)
    assert judgement.rows[0]["a_first_reply"] == "I like both."


def test_what_was_judged_is_not_asked_again_even_after_a_torn_line(server, tmp_path):
    cache = tmp_path / "cache.jsonl"
    first = judge_pairs(judge(server), PAIRS[:4], cache)
    asked = len(server.requests)
    lines = cache.read_text().splitlines(keepends=True)
    cache.write_text("".join(lines[:-1]) + lines[-1][:20])
    again = judge_pairs(judge(server), PAIRS[:4], cache)
    assert len(server.requests) == asked + 1
    assert again == first
    other = EndpointJudge(server.base_url, "another model", None, 200, 60.0, 0, 1)
    judge_pairs(other, PAIRS[:1], cache)
    assert len(server.requests) == asked + 3


def test_refusals_that_pass_are_waited_out(server, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr("src.judging.endpoint.time", SimpleNamespace(sleep=waits.append))
    server.refusals = [(429, {"Retry-After": "0.3"}), (503, {})]
    metrics = judge_pairs(judge(server, workers=1), PAIRS[:1], tmp_path / "cache.jsonl").metrics
    assert metrics["tie_share"] == 1
    assert waits[0] == 0.3 and 0.01 <= waits[1] <= 0.02  # as asked; then by its own schedule, doubled once


def test_refusals_that_do_not_pass_end_in_a_sentence_and_lose_nothing(server, tmp_path):
    cache = tmp_path / "cache.jsonl"
    judge_pairs(judge(server), PAIRS[:2], cache)
    server.refusals = [(401, {})] * 20
    with pytest.raises(FathomError, match=r"judge: http://127.0.0.1:\d+/v1/chat/completions answered 401"):
        judge_pairs(judge(server), PAIRS, cache)
    assert len(cache.read_text().splitlines()) >= 4
    server.refusals = [(500, {})] * 20
    with pytest.raises(FathomError, match=r"answered 500.*\(tried 3 times\)"):
        judge_pairs(judge(server, workers=1), PAIRS, cache)


def test_a_model_that_takes_neither_max_tokens_nor_a_temperature_is_asked_as_it_wants(server, tmp_path, caplog):
    server.refuses = {"max_tokens": lambda _: True, "temperature": lambda value: value != 1}
    metrics = judge_pairs(judge(server, workers=1), PAIRS, tmp_path / "cache.jsonl").metrics
    assert metrics["tie_share"] == 1
    assert len(server.requests) == 12 + 2
    *_, (_, _, body) = server.requests
    assert body["max_completion_tokens"] == 200 and not {"max_tokens", "temperature"} & body.keys()
    assert "takes no temperature of 0" in caplog.text


def test_a_parameter_that_cannot_be_done_without_is_refused_in_a_sentence(server, tmp_path):
    server.refuses = {"model": lambda _: True}
    with pytest.raises(FathomError, match=r"answered 400: .*'model'"):
        judge_pairs(judge(server), PAIRS, tmp_path / "cache.jsonl")


def test_a_model_that_thinks_until_its_tokens_are_spent_is_no_opinion(server, tmp_path):
    server.reply = lambda _: {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}
    with pytest.raises(FathomError, match=r"judge\.max_tokens: the model spent them all"):
        judge_pairs(judge(server), PAIRS, tmp_path / "cache.jsonl")


def test_several_are_asked_at_a_time(server, tmp_path):
    all_four = threading.Barrier(4, timeout=60)

    def with_three_others(_):
        all_four.wait()
        return "Verdict: tie"

    server.reply = with_three_others
    judge_pairs(judge(server, workers=4), PAIRS, tmp_path / "cache.jsonl")
    assert server.most_at_once == 4


def test_another_protocol_and_no_server_at_all_get_a_sentence(server, tmp_path):
    server.reply = lambda _: {"text": "hello"}
    with pytest.raises(FathomError, match="does not speak OpenAI's chat completions"):
        judge_pairs(judge(server), PAIRS, tmp_path / "cache.jsonl")
    nobody = EndpointJudge("http://127.0.0.1:9/v1", "m", None, 200, 1.0, 0, 1)
    with pytest.raises(FathomError, match="cannot be reached"):
        judge_pairs(nobody, PAIRS, tmp_path / "other.jsonl")


def test_a_key_that_is_not_set_is_named(server):
    with pytest.raises(FathomError, match="environment variable NO_SUCH_KEY is not set"):
        judge(server, key_variable="NO_SUCH_KEY")
