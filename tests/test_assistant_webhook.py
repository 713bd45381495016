"""Events reach a real receiver signed, once more after a failure, and never an address inside that nobody opened."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from assistant import webhook as module
from assistant.webhook import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, Courier, new_client, pause_after, start_courier
from assistant.webhook_address import AddressError, Guard
from assistant.webhook_sign import new_secret, verify
from storage import StorageError, Store

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECRET = new_secret()


@dataclass(frozen=True)
class Event:
    id: int
    url: str
    organisation: str = "acme"
    key: str = "d-1"
    body: str = '{"type": "hand_off.waiting"}'
    attempts: int = 1


@dataclass
class Box:
    """An outbox in memory."""

    due: list[Event]
    done: list[int] = field(default_factory=list)
    failures: list[tuple[int, str, datetime | None]] = field(default_factory=list)

    broken: int = 0

    def claim(self, now: datetime, *, limit: int, lease_s: float) -> Sequence[Event]:
        assert now == NOW and lease_s > 0
        if self.broken:
            self.broken -= 1
            raise StorageError("The database is busy.")
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    def delivered(self, delivery_id: int) -> None:
        self.done.append(delivery_id)

    def failed(self, delivery_id: int, error: str, next_at: datetime | None) -> None:
        self.failures.append((delivery_id, error, next_at))


class Receiver:
    """A real HTTP server on 127.0.0.1 that answers with `statuses` in turn and keeps what it got."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.headers: dict[str, str] = {}
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Receiver:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def courier(box: Box, **changes: object) -> Courier:
    plain = Courier(box, lambda _: SECRET, Guard(("127.0.0.1",)), clock=lambda: NOW, chance=lambda: 0.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


# -- sending ---------------------------------------------------------------------------


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
    courier(box := Box([Event(8, receiver.url)]), client=follower).deliver_due()
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


# -- TLS -------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + built.public_bytes(pem))
    return path


@pytest.mark.parametrize(("name", "arrives"), [("desk.example", True), ("other.example", False)])
def test_the_checked_address_is_used_and_the_name_is_proven(
    receiver: Receiver, tmp_path: Path, name: str, arrives: bool
) -> None:
    pem = certificate(tmp_path, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    receiver.server.socket = server.wrap_socket(receiver.server.socket, server_side=True)
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(pem)), trust_env=False, timeout=5)
    guard = Guard(("127.0.0.1",), lambda host, port: ["127.0.0.1"] if host == "desk.example" else [])
    box = Box([Event(7, f"https://desk.example:{receiver.port}/hook")])
    courier(box, guard=guard, client=client).deliver_due()
    client.close()
    assert (box.done == [7]) is arrives
    if arrives:
        assert receiver.got[0][1]["host"] == f"desk.example:{receiver.port}"
    else:
        assert "ConnectError" in box.failures[0][1]


# -- where it may go -------------------------------------------------------------------

INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    with pytest.raises(AddressError, match="inside this network"):
        Guard((), lambda host, port: [address]).target("https://desk.example/hook")


def test_one_address_inside_spoils_a_host() -> None:
    with pytest.raises(AddressError):
        Guard((), lambda host, port: ["93.184.216.34", "10.0.0.1"]).target("https://desk.example/")


def test_a_public_address_is_connected_to_as_checked() -> None:
    target = Guard((), lambda host, port: ["93.184.216.34"]).target("https://desk.example/hook?x=1")
    assert str(target.url) == "https://93.184.216.34/hook?x=1" and target.host == "desk.example"
    six = Guard((), lambda host, port: ["2606:2800:220:1::1"]).target("https://desk.example:8443/")
    assert str(six.url) == "https://[2606:2800:220:1::1]:8443/"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://desk.example/", "not encrypted"),
        ("ftp://desk.example/", "needs an https URL"),
        ("https:///hook", "needs an https URL"),
        ("desk.example", "needs an https URL"),
        ("https://user:pw@desk.example/", "name or password"),
        ("https://desk.example:99999/", "no valid host or port"),
        ("https://a b/", "no valid host or port"),
    ],
)
def test_other_urls_are_refused(url: str, told: str) -> None:
    with pytest.raises(AddressError, match=told):
        Guard((), lambda host, port: ["93.184.216.34"]).target(url)


def test_what_the_operator_allows_is_allowed_and_http_only_to_this_machine() -> None:
    inside = Guard(("10.1.0.0/16", "127.0.0.1"), lambda host, port: ["10.1.2.3"])
    assert inside.target("https://desk.local/").address == "10.1.2.3"
    with pytest.raises(AddressError, match="not encrypted"):
        inside.target("http://desk.local/")
    with pytest.raises(AddressError, match="no network"):
        Guard(("everything",))


@given(st.ip_addresses())
def test_no_address_that_is_not_global_passes(address: object) -> None:
    text = str(address)
    guard = Guard((), lambda host, port: [text])
    try:
        guard.target("https://desk.example/")
    except AddressError:
        return
    assert ip_address(text).is_global


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
        end = time.monotonic() + 20
        while not store.outbox.counts()["delivered"]:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        stop.set()
    assert len(receiver.got) == 1
    with pytest.raises(AddressError):
        start_courier(store, ["everywhere"])
    store.close()
