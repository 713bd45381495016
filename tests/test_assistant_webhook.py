"""Events reach a real receiver signed, and once more, later and later, after a failure."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import webhook as module
from assistant.webhook import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, new_client, pause_after, start_courier
from assistant.webhook_address import AddressError, Guard
from assistant.webhook_sign import verify
from storage import Store
from tests.waiting import until
from tests.webhook_house import NOW, SECRET, Box, Event, Receiver, courier, receiver

__all__ = ["receiver"]  # fixtures


def test_an_event_arrives_signed_with_its_id(receiver: Receiver) -> None:
    box = Box([Event(7, receiver.url)])
    assert courier(box).deliver_due() == 1 and courier(box).deliver_due() == 0
    assert box.done == [7] and not box.failures
    (path, headers, body), *rest = receiver.got
    assert not rest and path == "/hook" and body == b'{"type": "hand_off.waiting"}'
    assert headers["content-type"] == "application/json" and headers["host"] == f"127.0.0.1:{receiver.port}"
    assert verify([SECRET], headers, body, NOW).id == "d-1"


def test_a_failure_is_tried_again_later_with_the_same_id(receiver: Receiver) -> None:
    receiver.statuses = [503, 200]
    box = Box([Event(7, receiver.url)])
    courier(box).deliver_due()
    assert box.failures == [(7, "The receiver answered 503, no success.", NOW + timedelta(seconds=FIRST_PAUSE))]
    box.due = [Event(7, receiver.url, attempts=2)]
    courier(box).deliver_due()
    assert box.done == [7] and len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1


def test_the_last_attempt_ends_it(receiver: Receiver) -> None:
    receiver.statuses = [500]
    box = Box([Event(7, receiver.url, attempts=ATTEMPTS)])
    courier(box).deliver_due()
    assert box.failures[0][2] is None


def test_a_receiver_that_is_gone_is_not_asked_again(receiver: Receiver) -> None:
    receiver.statuses = [410]
    box = Box([Event(7, receiver.url)])
    courier(box).deliver_due()
    assert box.failures == [(7, "The receiver answered 410: it wants no more events.", None)]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        (format_datetime(NOW + timedelta(seconds=90)), 90),
        ("soon", FIRST_PAUSE),
        ("9" * 30, LONGEST_PAUSE),
    ],
)
def test_a_receiver_may_ask_for_a_longer_pause(receiver: Receiver, asked: str, seconds: float) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": asked}
    box = Box([Event(7, receiver.url)])
    courier(box).deliver_due()
    assert box.failures[0][2] == NOW + timedelta(seconds=seconds)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with Receiver() as other:
        receiver.statuses, receiver.headers = [302], {"Location": other.url}
        box = Box([Event(7, receiver.url)])
        courier(box).deliver_due()
        assert "a redirect, which is not followed" in box.failures[0][1] and not other.got
    follower = httpx.Client(follow_redirects=True)
    courier(box := Box([Event(8, receiver.url)]), client=lambda: follower).deliver_due()
    assert "follows redirects" in box.failures[0][1] and len(receiver.got) == 1
    follower.close()


def test_nobody_there_is_a_failure_without_content(receiver: Receiver) -> None:
    receiver.server.shutdown()  # closed under a running server, its socket may still accept
    receiver.server.server_close()
    box = Box([Event(7, receiver.url, body='{"secret": "words"}')])
    courier(box).deliver_due()
    (_, error, again) = box.failures[0]
    assert error == "The receiver could not be reached (ConnectError)." and again is not None


def test_one_bad_delivery_does_not_hold_up_the_others(receiver: Receiver) -> None:
    box = Box([Event(1, "ftp://x"), Event(2, "https://nowhere.invalid/"), Event(3, receiver.url)])

    def unknown(host: str, port: int) -> Sequence[str]:
        if host != "127.0.0.1":
            raise OSError("no such host")
        return [host]

    courier(box, guard=Guard(("127.0.0.1",), unknown)).deliver_due()
    assert box.done == [3]
    assert [(number, again is None) for number, _, again in box.failures] == [(1, True), (2, False)]


def test_a_weak_secret_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    box = Box([Event(7, receiver.url)])
    courier(box, secret_of=lambda _: "short").deliver_due()
    assert "make a new one" in box.failures[0][1] and not receiver.got


def test_the_courier_works_until_it_is_stopped_whatever_the_database_does(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.01)
    box, stop = Box([Event(7, receiver.url)], broken=2), threading.Event()
    thread = threading.Thread(target=courier(box).run, args=(stop,))
    thread.start()
    for _ in range(500):
        if box.done:
            break
        stop.wait(0.01)
    stop.set()
    thread.join(5)
    assert box.done == [7] and not thread.is_alive()


def test_nothing_of_the_environment_changes_where_it_goes(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    box = Box([Event(7, receiver.url)])
    courier(box).deliver_due()
    assert box.done == [7]


# -- the schedule ----------------------------------------------------------------------


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1, exclude_max=True), st.floats(0, 1e9))
def test_pauses_grow_stay_bounded_and_spread(attempt: int, chance: float, asked: float) -> None:
    pause, longest, shortest = pause_after(attempt, chance), pause_after(attempt, 0.0), pause_after(attempt, 0.999)
    assert pause is not None and longest is not None and shortest is not None
    assert FIRST_PAUSE / 2 <= pause <= longest <= LONGEST_PAUSE and shortest < longest
    following = pause_after(attempt + 1, 0.0)
    assert following is None or following >= longest
    waited = pause_after(attempt, chance, asked)
    assert waited is not None and min(asked, LONGEST_PAUSE) <= waited <= LONGEST_PAUSE


def test_all_attempts_together_take_about_a_day() -> None:
    total = sum(pause_after(attempt, 0.0) or 0.0 for attempt in range(1, ATTEMPTS + 1))
    assert 20 * 3600 < total < 30 * 3600 and pause_after(ATTEMPTS, 0.5) is None


def test_a_receiver_that_drips_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_S", 0.5)
    stop, begin = threading.Event(), time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def drip() -> None:
            talk, _ = slow.accept()
            with talk, contextlib.suppress(OSError):
                talk.sendall(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not stop.wait(0.1):
                    talk.sendall(b"a")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        box = Box([Event(7, f"http://127.0.0.1:{slow.getsockname()[1]}/hook"), Event(8, receiver.url)])
        courier(box).deliver_due()
        stop.set()
        thread.join(5)
    assert time.monotonic() - begin < module.TIMEOUT / 2
    assert [number for number, *_ in box.failures] == [7] and "could not be reached" in box.failures[0][1]
    assert box.done == [8] and box.failures[0][2] is not None, "it is tried again"


def test_the_client_follows_nothing_and_reads_no_environment() -> None:
    with new_client() as client:
        assert not client.follow_redirects and not client.trust_env


def test_a_courier_of_a_store_delivers_a_hand_off(tmp_path: Path, receiver: Receiver) -> None:
    store = Store.open(tmp_path)
    organisation = store.accounts.create_organisation("Acme", organisation_id="acme")
    store.accounts.add_user("acme", "boss", role="admin")
    store.accounts.configure("boss", replace(organisation, webhook_url=receiver.url), webhook_secret=SECRET)
    talk = store.create_conversation("boss", "support", "t").id
    store.hand_offs.request("boss", talk, "person", "{}")
    stop = start_courier(store, ["127.0.0.1"])
    try:
        until(lambda: store.outbox.counts()["delivered"])
    finally:
        stop.set()
    assert len(receiver.got) == 1
    with pytest.raises(AddressError):
        start_courier(store, ["everywhere"])
    store.close()
