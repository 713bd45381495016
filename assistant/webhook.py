"""Events for other systems: taken from an outbox, signed, sent, and tried again with growing pauses until they arrive.

The outbox lies in the database, so an event survives a crash; it may then be sent twice, with the same id. Nothing of
an event's content is logged or kept in an error.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from assistant.errors import AssistantError
from assistant.webhook_address import AddressError, Guard
from assistant.webhook_sign import sign
from storage import StorageError, Store

_LOG = logging.getLogger(__name__)

FIRST_PAUSE = 5.0  # seconds
LONGEST_PAUSE = 6 * 3600.0
ATTEMPTS = 16  # pauses of 5 s, 10 s, … up to 6 hours: about a day in all
TIMEOUT = 10.0  # seconds for connecting, and for each read and write
WHOLE_S = 3 * TIMEOUT  # for all of it: a receiver that drips its bytes must not hold the others up
AT_ONCE = 10  # deliveries claimed in one pass
LEASE_S = AT_ONCE * WHOLE_S + 30.0  # longer than a pass in which nobody answers
IDLE = 2.0  # seconds between two looks into an empty outbox
GONE = 410  # the receiver wants no more


class Delivery(Protocol):
    """One event on its way, as the outbox keeps it. `attempts` counts this one; `key` is the same at all of them."""

    @property
    def id(self) -> int: ...
    @property
    def organisation(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def attempts(self) -> int: ...


class Outbox(Protocol):
    """What storage does for deliveries. A claim hands each to one process at a time until its lease ends."""

    def claim(self, now: datetime, *, limit: int, lease_s: float) -> Sequence[Delivery]:
        """Deliveries that are due at `now`, oldest first."""
        ...

    def delivered(self, delivery_id: int) -> None:
        """It arrived."""
        ...

    def failed(self, delivery_id: int, error: str, next_at: datetime | None) -> None:
        """It did not arrive; try again at `next_at`, or never again if that is None."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt gave: `error` is "" where it arrived; `pause` in seconds, None to give up."""

    error: str = ""
    pause: float | None = None

    @property
    def arrived(self) -> bool:
        """Whether the receiver has it."""
        return not self.error


def pause_after(attempt: int, chance: float, asked: float = 0.0) -> float | None:
    """Seconds to wait after the failed `attempt` (from 1), None after the last one.

    Doubles from FIRST_PAUSE to LONGEST_PAUSE; `chance` [0, 1) takes up to half of it away, so that a thousand events
    do not come back at once. `asked`: what the receiver asked for (Retry-After), which is a lower bound.
    """
    if attempt >= ATTEMPTS:
        return None
    full = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)
    return max(full * (1.0 - chance / 2.0), min(asked, LONGEST_PAUSE))


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends what the outbox holds. `secret_of` gives the secret of an organisation.

    `clock`, `chance` and `client` are replaced in tests; a client must not follow redirects.
    """

    outbox: Outbox
    secret_of: Callable[[str], str]
    guard: Guard = field(default_factory=Guard)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    chance: Callable[[], float] = field(default=random.random)
    client: Callable[[], httpx.Client] = field(default=lambda: new_client())

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set; one call in one thread. A database that fails is asked again."""
        while not stop.is_set():
            try:
                found = self.deliver_due()
            except StorageError as error:
                _LOG.warning("webhooks wait: %s", error)
                found = 0
            if not found:
                stop.wait(IDLE)

    def deliver_due(self) -> int:
        """Tries everything that is due once; how many deliveries that were."""
        claimed = self.outbox.claim(self.clock(), limit=AT_ONCE, lease_s=LEASE_S)
        if not claimed:
            return 0
        for delivery in claimed:
            with self.client() as client:
                end = threading.Timer(WHOLE_S, client.close)  # what waits for a byte fails at the next one
                end.daemon = True
                end.start()
                try:
                    self._settle(delivery, self._attempt(client, delivery))
                finally:
                    end.cancel()
        return len(claimed)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.arrived:
            self.outbox.delivered(delivery.id)
            return
        again = None if outcome.pause is None else self.clock() + timedelta(seconds=outcome.pause)
        self.outbox.failed(delivery.id, outcome.error, again)

    def _attempt(self, client: httpx.Client, delivery: Delivery) -> Outcome:
        try:
            status, asked = self._send(client, delivery)
        except AssistantError as error:  # an address or a secret that cannot be used: trying again changes nothing
            return Outcome(str(error))
        except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:  # the last two: closed by the timer
            return Outcome(
                f"The receiver could not be reached ({type(error).__name__}).", self._pause(delivery.attempts)
            )
        if 200 <= status < 300:
            return Outcome()
        if status == GONE:
            return Outcome(f"The receiver answered {status}: it wants no more events.")
        told = "a redirect, which is not followed" if 300 <= status < 400 else "no success"
        return Outcome(f"The receiver answered {status}, {told}.", self._pause(delivery.attempts, asked))

    def _pause(self, attempt: int, asked: float = 0.0) -> float | None:
        return pause_after(attempt, self.chance(), asked)

    def _send(self, client: httpx.Client, delivery: Delivery) -> tuple[int, float]:
        """Status of the answer and the seconds its Retry-After asks for; its body is never read."""
        target = self.guard.target(delivery.url)
        if client.follow_redirects:
            raise AddressError("The HTTP client follows redirects; give one that does not.")
        body = delivery.body.encode()
        now = self.clock()
        headers = {
            "host": httpx.URL(delivery.url).netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "unabridged",
            **sign(self.secret_of(delivery.organisation), delivery.key, now, body),
        }
        request = client.build_request(
            "POST", target.url, content=body, headers=headers, extensions={"sni_hostname": target.host}
        )
        response = client.send(request, stream=True)
        response.close()
        return response.status_code, _retry_after(response.headers.get("retry-after", ""), now)


def start_courier(store: Store, allowed: Sequence[str] = ()) -> threading.Event:
    """A courier for all organisations of a store, in a thread of its own until the returned event is set.

    `allowed`: see Guard. It runs even where no webhook is set yet, as one may be set at any time.
    """
    stop = threading.Event()
    courier = Courier(store.outbox, store.accounts.webhook_secret, Guard(tuple(allowed)))
    threading.Thread(target=courier.run, args=(stop,), name="courier", daemon=True).start()
    return stop


def new_client() -> httpx.Client:
    """A client for webhooks: no redirects, no proxy and no settings out of the environment."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)


def _retry_after(text: str, now: datetime) -> float:
    """Seconds; 0 for what cannot be read."""
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
