"""POST /v1/chat/completions: answers like OpenAI's, with proof, once for each request."""

from __future__ import annotations

import base64
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.records import PastMessage, PastSession
from tests.api_house import ANSWER, CHAT, House, Person, ann, bob, events, house, house_in, question_body
from tests.fakes import CONTRACT

__all__ = ["ann", "bob", "house"]  # fixtures


def test_an_answer_has_usage_proof_and_receipt(ann: Person) -> None:
    file_id = ann.upload()
    answer = ann.ask("What is the fee?", file_id).json()
    assert answer["object"] == "chat.completion" and answer["model"] == "legal"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": ANSWER, "refusal": None}
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    proof = answer["unabridged"]
    assert proof["file_id"] == file_id and proof["supported"] is True and proof["exact"] is True
    assert proof["coverage"]["tokens"] == proof["coverage"]["tokens_read"] > 100
    assert "$120,000" in proof["citations"][0]["quote"] and proof["citations"][0]["line"] == 10
    assert set(proof["timings"]) == {"parse_s", "read_s", "first_token_s", "total_s"}
    again = ann.ask("What is the fee?", file_id).json()["usage"]
    assert again["prompt_tokens_details"]["cached_tokens"] >= proof["coverage"]["tokens"]


def test_a_stream_says_the_same_piece_by_piece(ann: Person) -> None:
    response = ann.ask("What is the fee?", ann.upload(), stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    first, *pieces, last, usage = events(response.text)
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert len(pieces) >= 1
    assert "".join(each["choices"][0]["delta"]["content"] for each in pieces) == ANSWER
    assert last["choices"][0]["finish_reason"] == "stop" and last["unabridged"]["supported"] is True
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] > 0
    assert len({each["id"] for each in (first, *pieces, last, usage)}) == 1
    assert first["unabridged"]["conversation"] == last["unabridged"]["conversation"]


def test_inline_files_are_read_and_kept_as_one_document(ann: Person) -> None:
    parts = [
        {"type": "file", "file": {"filename": name, "file_data": prefix + base64.b64encode(text.encode()).decode()}}
        for name, prefix, text in (("a.txt", "data:text/plain;base64,", CONTRACT), ("b.txt", "", "Annex: none.\n"))
    ]
    message = {"role": "user", "content": [*parts, {"type": "text", "text": "What is the fee?"}]}
    response = ann.call("POST", CHAT, json={"model": "code", "messages": [message]})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["unabridged"]["coverage"]["files"] == 2
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 0  # read for this very question
    assert [each["id"] for each in ann.call("GET", "/v1/files").json()["data"]] == [answer["unabridged"]["file_id"]]


def test_a_history_goes_on_in_the_conversation_that_says_it(ann: Person, house: House) -> None:
    file_id = ann.upload()
    body = question_body("What is the fee?", file_id)
    first = ann.call("POST", CHAT, json=body).json()
    body["messages"] += [{"role": "assistant", "content": ANSWER}, {"role": "user", "content": "And the term?"}]
    house.engine.says = "It runs for five (5) years."
    second = ann.call("POST", CHAT, json=body).json()
    talk = first["unabridged"]["conversation"]
    assert second["unabridged"]["conversation"] == talk
    said = ann.call("GET", f"/v1/conversations/{talk}/messages").json()["data"]
    assert [each["content"] for each in said] == ["What is the fee?", ANSWER, "And the term?", house.engine.says]
    third = ann.call("POST", CHAT, json=body).json()["unabridged"]["conversation"]
    assert third != talk  # that conversation says more by now
    copied = ann.call("GET", f"/v1/conversations/{third}/messages").json()["data"]
    assert [each["content"] for each in copied[:2]] == ["What is the fee?", ANSWER]
    asked = house.engine.asked[-1]
    assert house.service.tokenizer.decode(asked).count("What is the fee?") == 1


def test_a_stored_conversation_is_gone_on_with(ann: Person) -> None:
    talk = ann.ask("What is the fee?", ann.upload()).json()["unabridged"]["conversation"]
    body = {"model": "legal", "conversation": talk, "messages": [{"role": "user", "content": "And the term?"}]}
    assert ann.call("POST", CHAT, json=body).json()["unabridged"]["conversation"] == talk
    assert ann.call("POST", CHAT, json=body | {"model": "code"}).status_code == 400
    ann.call("DELETE", f"/v1/conversations/{talk}")
    assert ann.call("POST", CHAT, json=body).status_code == 404


def test_the_same_idempotency_key_is_answered_once(ann: Person, bob: Person, house: House) -> None:
    file_id, headers = ann.upload(), {"Idempotency-Key": "order-1"}
    asked = len(house.engine.asked)
    one, two = (ann.ask("What is the fee?", file_id, headers=headers).json() for _ in range(2))
    assert one["id"] == two["id"] and one["choices"][0]["message"] == two["choices"][0]["message"]
    assert one["usage"] == two["usage"]
    streamed = ann.ask("What is the fee?", file_id, headers=headers, stream=True).text
    assert events(streamed)[0]["id"] == one["id"]
    assert len(house.engine.asked) == asked + 1
    other = ann.ask("Something else?", file_id, headers=headers)
    assert other.status_code == 409 and other.json()["error"]["type"] == "invalid_request_error"
    bobs = bob.ask("What is the fee?", bob.upload(), headers=headers).json()
    assert bobs["id"] != one["id"]


def test_a_repeated_request_joins_the_answer_that_still_grows(ann: Person, house: House) -> None:
    file_id, headers = ann.upload(), {"Idempotency-Key": "slow"}
    house.engine.hold = threading.Event()
    asked, found = len(house.engine.asked), []

    def ask() -> None:
        found.append(ann.ask("What is the fee?", file_id, headers=headers).json())

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
        while len(house.engine.asked) == asked:
            time.sleep(0.01)
    house.engine.hold.set()
    for thread in threads:
        thread.join(20)
    assert [each["choices"][0]["message"]["content"] for each in found] == [ANSWER] * 2
    assert found[0]["id"] == found[1]["id"] and len(house.engine.asked) == asked + 1


def test_a_conversation_without_a_document_is_answered_over_the_history(ann: Person, house: House) -> None:
    store = house.service.store
    then = datetime(2025, 5, 3, 9, tzinfo=UTC)
    said = PastSession(then, (PastMessage("user", "My router X200 is broken.", then),))
    talk = store.import_history(ann.user, "support", "Router", [said])
    body = {"model": "support", "conversation": talk.id, "messages": [{"role": "user", "content": "What broke?"}]}
    answer = ann.call("POST", CHAT, json=body)
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == ANSWER
    assert answer.json()["unabridged"]["coverage"]["messages"] == 1
    assert [each.role for each in store.messages(ann.user, talk.id)] == ["user", "user", "assistant"]
    bare = store.create_conversation(ann.user, "legal", "Bare")
    refused = ann.call("POST", CHAT, json={**body, "model": "legal", "conversation": bare.id})
    assert refused.status_code == 400 and "no document" in refused.json()["error"]["message"]


def test_stop_strings_lengths_and_log_probabilities(ann: Person, house: House) -> None:
    file_id = ann.upload()
    answer = ann.ask("What is the fee?", file_id, stop=[" is"], temperature=0.7, logprobs=True, top_logprobs=3).json()
    assert answer["choices"][0]["message"]["content"] == "The yearly fee"
    assert answer["choices"][0]["logprobs"] == {"content": [], "refusal": None}  # a scripted engine computes none
    assert isinstance(answer["unabridged"]["seed"], int)
    assert ann.ask("What is the fee?", file_id, seed=5).json()["unabridged"]["seed"] == 5


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "messages", "part of the bot"),
        ({"messages": [{"role": "user", "content": "What?"}]}, "messages", "no document"),
        ({"messages": [{"role": "assistant", "content": "Hi."}]}, "messages", "first message"),
        ({"tools": []}, "tools", "tools"),
        ({"n": 2}, "n", "n"),
        ({"temperature": 3}, "temperature", "2"),
        ({"top_logprobs": 2}, "top_logprobs", "logprobs"),
        ({"stop": [""]}, None, "stop strings"),
        ({"logit_bias": {"99999999": 1}}, "logit_bias", "vocabulary"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "token ids"),
        ({"max_tokens": 0}, "max_tokens", "1"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "json_schema"),
        ({"conversation": "0" * 32}, "conversation", "question alone"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(
    ann: Person, change: dict[str, Any], param: str | None, words: str
) -> None:
    response = ann.call("POST", CHAT, json=question_body("What?", "f" * 64) | change)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error" and error["param"] == param
    assert words in error["message"] and error["message"].endswith(".")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b'"text"', b'{"model": NaN}', b'{"model": "\\ud800"}'],
)
def test_bodies_that_are_no_request_are_refused(ann: Person, body: bytes) -> None:
    response = ann.call("POST", CHAT, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400 and response.json()["error"]["type"] == "invalid_request_error"


def test_questions_that_miss_something_are_refused(ann: Person) -> None:
    file_id = ann.upload()
    assert ann.ask("  ", file_id).json()["error"]["code"] == "empty_question"
    missing = ann.ask("What?", file_id, model="poet")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "model_not_found"
    assert ann.ask("What?", "f" * 64).status_code == 404
    parts = [{"type": "file", "file": {"file_id": each}} for each in (file_id, "f" * 64)]
    body = {"model": "legal", "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "What?"}]}]}
    assert ann.call("POST", CHAT, json=body).json()["error"]["code"] == "several_documents"
    parts = [{"type": "file", "file": {"filename": "a.txt", "file_data": "no base64!"}}]
    body["messages"] = [{"role": "user", "content": parts}]
    assert "base64" in ann.call("POST", CHAT, json=body).json()["error"]["message"]
    assert (
        ann.call("POST", CHAT, content=b'{"model": "\\ud800"', headers={"Content-Type": "application/json"}).status_code
        == 400
    )


def test_a_failed_answer_is_an_error_in_either_form(
    ann: Person, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file_id = ann.upload()
    secret = "the secret words of a document"

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(secret)

    monkeypatch.setattr(house.engine, "ask", fail)
    response = ann.ask("What?", file_id, headers={"X-Request-ID": "failing"})
    (told,) = [record for record in caplog.records if record.name == "unabridged.answers"]
    assert told.__dict__["request_id"] == "failing" and told.__dict__["error"] == "RuntimeError"
    assert secret not in str(told.__dict__)
    assert response.status_code == 500 and response.json()["error"]["type"] == "server_error"
    assert secret not in response.text
    last = events(ann.ask("What?", file_id, stream=True).text)[-1]
    assert last["error"]["code"] == "internal_error"


def test_a_second_question_waits_for_the_first_and_stop_ends_it(ann: Person, house: House) -> None:
    talk = ann.ask("What is the fee?", ann.upload()).json()["unabridged"]["conversation"]
    house.engine.hold = threading.Event()
    asked, found = len(house.engine.asked), []
    body = {"model": "legal", "conversation": talk, "messages": [{"role": "user", "content": "And the term?"}]}
    thread = threading.Thread(target=lambda: found.append(ann.call("POST", CHAT, json=body).json()))
    thread.start()
    while len(house.engine.asked) == asked:
        time.sleep(0.01)
    busy = ann.call("POST", CHAT, json=body)
    assert busy.status_code == 409 and busy.json()["error"]["code"] == "busy"
    assert ann.call("POST", f"/v1/conversations/{talk}/stop").json() == {"id": talk, "stopped": True}
    house.engine.hold.set()
    thread.join(20)
    assert found[0]["unabridged"]["finish"] == "cancelled" and found[0]["choices"][0]["finish_reason"] == "stop"
    assert ann.call("GET", f"/v1/conversations/{talk}/messages").json()["data"][-1]["status"] == "stopped"
    assert ann.call("POST", f"/v1/conversations/{talk}/stop").json()["stopped"] is False


def test_the_same_request_after_a_restart_gets_the_stored_answer(tmp_path: Path) -> None:
    headers, history = {"Idempotency-Key": "across"}, []
    with house_in(tmp_path) as first:
        first.engine.says = ANSWER
        ann = first.person()
        file_id = ann.upload()
        before = ann.ask("What is the fee?", file_id, headers=headers).json()
        store = first.service.store
        broken = store.create_conversation(ann.user, "legal", "deal.txt", (file_id,))
        store.append(ann.user, broken.id, "user", "And the term?", idempotency_key="broken")
        answer = store.begin_answer(ann.user, broken.id)
        assert answer.id is not None
        store.finish_answer(ann.user, answer.id, "It ru", "broken", None)  # as the next start marks it
    with house_in(tmp_path) as second:
        second.engine.says = "It runs for five (5) years."
        ann = Person(ann.user, ann.key, second.client)
        after = ann.ask("What is the fee?", file_id, headers=headers).json()
        assert after["id"] == before["id"] and after["choices"] == before["choices"]
        assert after["unabridged"]["citations"] == before["unabridged"]["citations"]
        assert second.engine.asked == []
        body = {"model": "legal", "conversation": broken.id, "messages": [{"role": "user", "content": "And the term?"}]}
        for _ in range(2):  # an answer that broke off is no answer: it is asked anew, once
            history.append(ann.call("POST", CHAT, json=body, headers={"Idempotency-Key": "broken"}).json())
        assert history[0]["choices"][0]["message"]["content"] == second.engine.says
        assert history[0]["id"] == history[1]["id"] and len(second.engine.asked) == 1
