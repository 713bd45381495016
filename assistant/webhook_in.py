"""Messages that an outside desk sends back into a conversation: verified first, then read strictly.

{"type": "hand_off.message", "data": {"hand_off": "…", "author": "Kim", "content": "Hello, I am Kim."}}
{"type": "hand_off.take" | "hand_off.release", "data": {"hand_off": "…", "author": "Kim"}}
{"type": "hand_off.close", "data": {"hand_off": "…", "author": "Kim", "note": "Refunded."}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import AssistantError
from assistant.webhook_sign import verify

MAX_BODY = 256 * 1024  # bytes
Kind = Literal["hand_off.message", "hand_off.take", "hand_off.release", "hand_off.close"]
Short = Annotated[str, Field(min_length=1, max_length=200)]


class MessageInError(AssistantError):
    """A verified message that is not as it should be."""


@dataclass(frozen=True, slots=True)
class MessageIn:
    """What a desk sent. `key`: its id, to be stored as the idempotency key; `text`: the message or the closing note."""

    key: str
    kind: Kind
    hand_off: str
    author: str
    text: str
    at: datetime


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    hand_off: Short
    author: Short
    content: Annotated[str, Field(max_length=100_000)] = ""
    note: Annotated[str, Field(max_length=10_000)] = ""


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    type: Kind
    data: _Data


def message_in(keys: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> MessageIn:
    """The message in a request that one of the secrets `keys` signed; SignatureError or MessageInError otherwise."""
    if len(body) > MAX_BODY:
        raise MessageInError(f"The message is larger than {MAX_BODY // 1024} KB; send it in parts.")
    incoming = verify(keys, headers, body, now)
    try:
        event = _Event.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the body"
        raise MessageInError(f"{key} is not as documented ({first['msg']}); correct it and send it again.") from None
    data = event.data
    text = data.note if event.type == "hand_off.close" else data.content
    if event.type == "hand_off.message" and not text.strip():
        raise MessageInError("data.content is empty; send the words for the customer.")
    return MessageIn(incoming.id, event.type, data.hand_off, data.author, text, incoming.at)
