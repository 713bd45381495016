"""Over HTTP, too, a person can be called: the client is told so, and what it says meanwhile goes to that person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_house import CHAT, House, Person, ann, bob, events, house, question_body

__all__ = ["ann", "bob", "house"]  # fixtures
WANTED = "I want to talk to a human, please."


def said(person: Person, body: dict[str, Any], *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The answer's words, and its field `unabridged`."""
    response = person.call("POST", CHAT, json=body | {"stream": stream})
    assert response.status_code == 200, response.text
    if not stream:
        told = response.json()
        return told["choices"][0]["message"]["content"], told["unabridged"]
    assert "still at work" not in response.text  # the end was not missed while the words were sent
    first, *pieces, last = events(response.text)
    assert first["choices"][0]["delta"]["role"] == "assistant" and last["choices"][0]["finish_reason"] == "stop"
    return "".join(each["choices"][0]["delta"]["content"] for each in pieces), last["unabridged"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_who_asks_for_a_person_is_told_that_one_was_called(ann: Person, house: House, stream: bool) -> None:
    body = question_body(WANTED, ann.upload(), model="support")
    words, told = said(ann, body, stream=stream)
    assert "colleague" in words and told["hand_off"] == "waiting" and "citations" not in told
    talk = told["conversation"]
    again, later = said(
        ann,
        {"model": "support", "conversation": talk, "messages": [{"role": "user", "content": "Hello?"}]},
        stream=stream,
    )
    assert again == words and later["hand_off"] == "waiting" and later["message"] is None
    stored = [(each.role, each.content) for each in house.service.store.messages(ann.user, talk)]
    assert stored == [("user", WANTED), ("assistant", words), ("user", "Hello?")]


def test_a_client_that_sends_its_history_stays_in_the_conversation_with_the_person(ann: Person, house: House) -> None:
    file_id = ann.upload()
    body = question_body(WANTED, file_id, model="support")
    for text in ("Hello?", "Is anybody there?"):
        words, told = said(ann, body, stream=False)
        turn = [{"role": "assistant", "content": words}, {"role": "user", "content": text}]
        body = body | {"messages": [*body["messages"], *turn]}
    _, last = said(ann, body, stream=False)
    assert last["conversation"] == told["conversation"]
    assert len(house.service.store.conversations(ann.user)) == 1
