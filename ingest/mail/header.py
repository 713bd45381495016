"""The header lines of a message → text: encoded words, raw 8-bit characters, dates, message ids; bounded and linear."""

from __future__ import annotations

import email.header
import email.utils
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from email.message import Message

from ingest.mail.words import day
from ingest.text import decode, one_line
from ingest.web.encoding import page_text

SHOWN = (
    ("From", "from"), ("Sender", "sender"), ("Reply-To", "reply-to"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"),
    ("Date", "date"), ("Subject", "subject"),
)  # fmt: skip
QUIET = frozenset((  # what only says how the message is built, or is used for threads
    "mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id",
    "content-language", "message-id", "in-reply-to", "references", "status", "x-status", "content-length", "lines",
))  # fmt: skip
MAX_HEADER = 200_000  # characters of one header line: enough for thousands of recipients
MAX_IDS = 1_000  # message ids taken of one header, the last ones
_WORD = r"=\?[A-Za-z0-9_.:*+-]{1,60}\?[QqBb]\?[^?\s]*\?="
_WORDS = re.compile(rf"{_WORD}(?:\s{{1,20}}{_WORD})*")
_ID = re.compile(r"<([^<>\s]{1,500})>")


def values(message: Message, name: str) -> list[str]:
    """All lines of a header, decoded, each on one line."""
    return [readable(value) for key, value in message.raw_items() if key.lower() == name]


def first(message: Message, name: str) -> str:
    """The first line of a header; "" where there is none."""
    return next(iter(values(message, name)), "")


def readable(raw: object) -> str:
    """One header value as people read it."""
    text = str(raw)
    if len(text) > MAX_HEADER:
        text = text[:MAX_HEADER] + "…"
    if not text.isascii():  # bytes that the parser kept as surrogates
        text = decode(text.encode("utf-8", "surrogateescape"))[0]
    return " ".join(one_line(_WORDS.sub(lambda found: _decoded(found[0]), text)).split())


def _decoded(words: str) -> str:
    try:
        pieces = email.header.decode_header(words)
    except (HeaderParseError, ValueError):
        return words
    return "".join(
        piece if isinstance(piece, str) else page_text(piece, charset.partition("*")[0] if charset else None)[0]
        for piece, charset in pieces
    )


def date(message: Message) -> tuple[datetime | None, str]:
    """When a message was sent, aware, and the words for it; a date that cannot be read is shown as it stands."""
    written = first(message, "date")
    sent = moment(written)
    return sent, _words(sent) if sent is not None else written


def moment(written: str) -> datetime | None:
    """The aware time of a Date line or an mbox From line; UTC where it names no zone."""
    if not written or len(written) > 200:
        return None
    try:
        sent = email.utils.parsedate_to_datetime(written)
        sent = sent if sent.tzinfo is not None else sent.replace(tzinfo=UTC)
        sent.astimezone(UTC)  # a time that has no place in the calendar of UTC cannot be compared
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return sent


def _words(sent: datetime) -> str:
    offset = sent.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    zone = f"UTC{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "UTC"
    return f"{day(sent)}, {sent.hour:02}:{sent.minute:02} ({zone})"


def ids(lines: Iterable[str]) -> tuple[str, ...]:
    """The message ids in header lines, without their brackets."""
    return tuple(found for line in lines for found in _ID.findall(line)[-MAX_IDS:])


def sender_name(written: str) -> str:
    """The name of a From line, else its address."""
    name, bracket, rest = written.partition("<")
    return name.strip().strip('"').strip() or rest.partition(">")[0].strip() or written if bracket else written
