"""A webhook is believed only with a fitting signature, a fresh time and an id; the form is the published one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.webhook_in import MAX_BODY, MessageInError, message_in
from assistant.webhook_sign import SIGNATURE, TIMESTAMP, TOLERANCE, SignatureError, new_secret, sign, verify

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRET, OTHER = new_secret(), new_secret()


def test_the_form_is_that_of_standard_webhooks() -> None:
    """The vector was computed with the library standardwebhooks 1.1.0."""
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLasw", "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,V5xCPQDdTB0l0m2VMsjB/ZVwuDV5WIe462vC5sKC8ds=",
    }


@given(st.binary(max_size=200), st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=20))
def test_what_was_signed_is_believed(body: bytes, key: str) -> None:
    found = verify([SECRET], sign(SECRET, key, NOW, body), body, NOW)
    assert (found.id, found.at, found.body) == (key, NOW, body)


def test_what_was_changed_is_not() -> None:
    headers = sign(SECRET, "a", NOW, b"{}")
    for changed, body in (
        (headers, b"{ }"),
        (headers | {"webhook-id": "b"}, b"{}"),
        (headers | {TIMESTAMP: str(int(headers[TIMESTAMP]) + 1)}, b"{}"),
        (headers | {SIGNATURE: "v1,AAAA"}, b"{}"),
        (headers | {SIGNATURE: headers[SIGNATURE].replace("v1", "v2")}, b"{}"),
        (headers | {SIGNATURE: "nonsense é"}, b"{}"),
        (sign(OTHER, "a", NOW, b"{}"), b"{}"),
    ):
        with pytest.raises(SignatureError, match="does not fit"):
            verify([SECRET], changed, body, NOW)
    with pytest.raises(SignatureError, match="does not fit"):
        verify([], headers, b"{}", NOW)


@pytest.mark.parametrize("seconds", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_or_early_message_is_refused(seconds: int) -> None:
    headers = sign(SECRET, "a", NOW, b"{}")
    with pytest.raises(SignatureError, match="check both clocks"):
        verify([SECRET], headers, b"{}", NOW + timedelta(seconds=seconds))
    assert verify([SECRET], headers, b"{}", NOW + timedelta(seconds=seconds // 2))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed_in_any_case(name: str) -> None:
    headers = sign(SECRET, "a", NOW, b"{}")
    assert verify([SECRET], {key.title(): value for key, value in headers.items()}, b"{}", NOW)
    del headers[name]
    with pytest.raises(SignatureError, match=f"{name} is missing"):
        verify([SECRET], headers, b"{}", NOW)


@pytest.mark.parametrize("time", ["-1", "1.5", "1e9", "٣", "9" * 20])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(SignatureError, match=r"whole seconds|check both clocks"):
        verify([SECRET], sign(SECRET, "a", NOW, b"{}") | {TIMESTAMP: time}, b"{}", NOW)


def test_a_secret_can_be_replaced_without_a_gap() -> None:
    headers = sign(OTHER, "a", NOW, b"{}")
    assert verify([SECRET, OTHER], headers, b"{}", NOW)
    both = headers | {SIGNATURE: f"{sign(SECRET, 'a', NOW, b'{}')[SIGNATURE]} {headers[SIGNATURE]}"}
    assert verify([OTHER], both, b"{}", NOW) and verify([SECRET], both, b"{}", NOW)


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "whsec_!", ""])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(SignatureError, match="make a new one"):
        sign(secret, "a", NOW, b"{}")


# -- messages in -----------------------------------------------------------------------


def sent(event: object) -> tuple[dict[str, str], bytes]:
    body = json.dumps(event).encode()
    return sign(SECRET, "m-1", NOW, body), body


def test_a_message_of_the_desk_is_read() -> None:
    data = {"hand_off": "h1", "author": "Kim", "content": "Hello."}
    found = message_in([SECRET], *sent({"type": "hand_off.message", "data": data, "extra": 1}), NOW)
    assert (found.key, found.kind, found.hand_off, found.author, found.text) == (
        "m-1",
        "hand_off.message",
        "h1",
        "Kim",
        "Hello.",
    )
    data = {"hand_off": "h1", "author": "Kim", "note": "Refunded."}
    assert message_in([SECRET], *sent({"type": "hand_off.close", "data": data}), NOW).text == "Refunded."
    assert message_in([SECRET], *sent({"type": "hand_off.take", "data": data}), NOW).kind == "hand_off.take"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"type": "hand_off.steal", "data": {}}, "type is not as documented"),
        ({"type": "hand_off.take", "data": {"hand_off": 7, "author": "Kim"}}, "data.hand_off is not as documented"),
        ({"type": "hand_off.take", "data": {"hand_off": "h"}}, "data.author is not as documented"),
        ({"type": "hand_off.message", "data": {"hand_off": "h", "author": "Kim", "content": " "}}, "content is empty"),
        ([], "the body is not as documented"),
    ],
)
def test_a_wrong_message_is_refused_without_its_content(event: object, told: str) -> None:
    with pytest.raises(MessageInError, match=told):
        message_in([SECRET], *sent(event), NOW)


def test_an_unsigned_or_huge_message_is_not_even_read() -> None:
    with pytest.raises(SignatureError):
        message_in([SECRET], {}, b"not json", NOW)
    with pytest.raises(MessageInError, match="larger than 256 KB"):
        message_in([SECRET], {}, b" " * (MAX_BODY + 1), NOW)
