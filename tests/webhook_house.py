"""An outbox in memory and a real HTTP server that receives: what the tests of webhooks share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.webhook import Courier
from assistant.webhook_address import Guard
from assistant.webhook_sign import new_secret
from storage import StorageError

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
