"""Signatures of webhooks, in and out, in the form of standardwebhooks.com, so that receivers find libraries for it.

webhook-id         the delivery's id, the same at every attempt: a receiver drops what it has seen
webhook-timestamp  seconds since 1970 of this attempt
webhook-signature  "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body)); several, with a space
                   between them, while a secret is being replaced
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assistant.errors import AssistantError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = 300  # seconds that a message may be old or early
PREFIX = "whsec_"
LEAST = 16  # bytes of a secret
MAX_ID = 200  # characters
MAX_SIGNATURES = 8  # in one header


class SignatureError(AssistantError):
    """A webhook that does not come from whom it should, or comes again."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A verified message. `id` is the sender's: stored as the idempotency key, the same message counts once."""

    id: str
    at: datetime
    body: bytes


def new_secret() -> str:
    """A fresh secret, to be shown once and given to the other side."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, delivery: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers for `body`, sent at `at` (aware) as the delivery with this id."""
    seconds = str(int(at.timestamp()))
    return {ID: delivery, TIMESTAMP: seconds, SIGNATURE: f"v1,{_mac(_key(secret), delivery, seconds, body)}"}


def verify(
    keys: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, tolerance: int = TOLERANCE
) -> Incoming:
    """The message if one of the secrets `keys` signed it not longer than `tolerance` seconds from `now`.

    Raises SignatureError, which says what is wrong but nothing of the secret. A message that was recorded and sent
    again within the tolerance has the same id: the caller must not take an id twice.
    """
    given = {name.lower(): value for name, value in headers.items()}
    for name in (ID, TIMESTAMP, SIGNATURE):
        if not given.get(name):
            raise SignatureError(f"The header {name} is missing; sign the message as the documentation says.")
    seconds = given[TIMESTAMP]
    if not seconds.isdecimal() or len(seconds) > 12 or len(given[ID]) > MAX_ID:
        raise SignatureError(f"{TIMESTAMP} must be whole seconds since 1970, and {ID} at most {MAX_ID} characters.")
    if abs(now.timestamp() - int(seconds)) > tolerance:
        raise SignatureError(f"The message is more than {tolerance} seconds old or early; check both clocks.")
    wanted = [_mac(_key(key), given[ID], seconds, body) for key in keys]
    for entry in given[SIGNATURE].split()[:MAX_SIGNATURES]:
        version, _, mac = entry.partition(",")
        if version == "v1" and any(hmac.compare_digest(mac.encode(), each.encode()) for each in wanted):
            return Incoming(given[ID], datetime.fromtimestamp(int(seconds), UTC), body)
    raise SignatureError(
        "The signature does not fit the message; check the secret and that the body is sent unchanged."
    )


def _mac(key: bytes, delivery: str, seconds: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(key, f"{delivery}.{seconds}.".encode() + body, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX) + "==") if secret.startswith(PREFIX) else secret.encode()
    except binascii.Error as error:
        raise SignatureError(f"The secret is no base64 behind {PREFIX}; make a new one.") from error
    if len(key) < LEAST:
        raise SignatureError(f"The secret has fewer than {LEAST} bytes; make a new one.")
    return key
