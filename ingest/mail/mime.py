"""The parts of a message → Letter: the body (plain text before HTML), enclosed texts and messages, attachments.

The parser's own header objects are not used: they are slow on hostile headers and fail on damaged ones.
"""

from __future__ import annotations

import email.parser
import email.policy
import email.utils
from collections.abc import Iterator
from email.message import Message

from ingest.document import BrokenFileError
from ingest.mail import header
from ingest.mail.letter import Enclosure, Letter, Lost
from ingest.mail.markup import visible
from ingest.mail.words import size
from ingest.text import normalise
from ingest.web.encoding import page_text

SEALED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
PGP_MARK = "-----BEGIN PGP MESSAGE-----"
MAX_DEPTH = 100  # multiparts and enclosed messages inside each other
SHORT_PLAIN = 400  # characters: a plain text this short may only say that there is an HTML one
LEAD_IN = 120  # characters before or after all parts: "This is a multi-part message in MIME format."
MAX_PARAMETERS = 10_000  # characters of a line such as Content-Type: the library takes quadratic time to cut it up
OUTSIDE = "characters before and after the parts of a message are not shown: {n}"
REPLACED = "parts whose characters do not fit their encoding were repaired: {n}"
UNCHECKED = "digital signatures were not checked: {n}"
DAMAGED = "parts that are damaged were read as far as they go: {n}"
CUT = f"header lines longer than {header.MAX_HEADER:,} characters were cut: {{n}}"
HEADERS = "technical header lines (such as the way of delivery) are not shown: {n}"


class _Bounded(Message):
    """The library's message, but without the parameters of a line that is too long to be honest."""

    def get_param(self, param, failobj=None, header="content-type", unquote=True):  # type: ignore[no-untyped-def]
        if len(str(self.get(header, ""))) > MAX_PARAMETERS:
            return failobj
        return super().get_param(param, failobj, header, unquote)


def parse(data: bytes, name: str) -> Message:
    """The parsed message; BrokenFileError where it is nested beyond reading or has no header at all."""
    try:
        message = email.parser.BytesParser(_Bounded, policy=email.policy.compat32).parsebytes(data)
    except RecursionError:
        raise BrokenFileError(f"{name} is nested too deeply to be read: save the message again.") from None
    if not message.keys():
        raise BrokenFileError(f"{name} is not an e-mail message: it has no header lines; save the message again.")
    return message


def letter(message: Message, name: str) -> Letter:
    """Everything of a message; what is encrypted leaves `sealed` and no body."""
    return _Reader(name).letter(message, 0)


def attachments(data: bytes, name: str = "the message") -> list[tuple[str, bytes]]:
    """Names and bytes of what `letter` reports as not read."""
    reader = _Reader(name, keep=True)
    reader.letter(parse(data, name), 0)
    return reader.kept


class _Reader:
    def __init__(self, name: str, *, keep: bool = False) -> None:
        self.name = name
        self.keep = keep
        self.kept: list[tuple[str, bytes]] = []

    def letter(self, message: Message, depth: int) -> Letter:
        sent, written = header.date(message)
        headers: list[tuple[str, str]] = []
        for label, key in header.SHOWN:
            for value in [written] if key == "date" and written else header.values(message, key):
                headers.append((label, value))
        found = Letter(
            headers,
            header.first(message, "subject"),
            header.sender_name(header.first(message, "from")),
            sent,
            next(iter(header.ids(header.values(message, "message-id"))), ""),
            header.ids([*header.values(message, "references"), *header.values(message, "in-reply-to")]),
        )
        shown = {key for _, key in header.SHOWN}
        technical = sum(key.lower() not in header.QUIET and key.lower() not in shown for key in message.keys())  # noqa: SIM118
        if technical:
            found.notes[HEADERS] += technical
        cut = sum(len(value) > header.MAX_HEADER for _, value in message.raw_items())
        if cut:
            found.notes[CUT] += cut
        self.part(message, found, depth)
        if any(text.lstrip().startswith(PGP_MARK) for text in found.body):
            found.body = [text for text in found.body if not text.lstrip().startswith(PGP_MARK)]
            found.sealed = "it is encrypted with PGP"
        return found

    def part(self, part: Message, found: Letter, depth: int) -> None:
        """Adds one part, with all inside it, to the letter."""
        if depth > MAX_DEPTH:
            raise BrokenFileError(f"{self.name} is nested too deeply to be read: save the message again.")
        kind = part.get_content_type()
        if part.defects:
            found.notes[DAMAGED] += 1
        outside = sum(len(text.strip()) for text in (part.preamble, part.epilogue) if text)
        if outside > LEAD_IN:
            found.notes[OUTSIDE] += outside
        attached = part.get_content_disposition() == "attachment"
        if kind == "multipart/encrypted" or (kind in SEALED and not depth):
            found.sealed = _sealing(part, kind)
        elif kind == "message/rfc822" and part.is_multipart():
            found.enclosed += [self.letter(inner, depth + 1) for inner in _inside(part)]
        elif kind == "message/delivery-status" and part.is_multipart():
            rows = ["\n".join(f"{key}: {header.readable(value)}" for key, value in each.raw_items())
                    for each in _inside(part)]  # fmt: skip
            found.enclosed.append(Enclosure("delivery report", "\n\n".join(row for row in rows if row)))
        elif kind == "multipart/alternative" and part.is_multipart():
            self.alternative(list(_inside(part)), found, depth)
        elif part.is_multipart():
            for inner in _inside(part):
                self.part(inner, found, depth + 1)
        elif kind in SIGNATURES:
            found.notes[UNCHECKED] += 1
        elif kind == "text/plain" and attached:
            found.enclosed.append(Enclosure(_name(part) or "a text without a name", self.text(part, found)))
        elif kind == "text/plain" or part.get_content_maintype() == "multipart":  # one without its parts
            found.body.append(self.text(part, found))
        elif kind == "text/html" and not attached:
            found.body.append(self.html(part, found))
        else:
            self.lose(part, kind, found)

    def alternative(self, parts: list[Message], found: Letter, depth: int) -> None:
        """One of several forms of the same words; whatever is no form of them is an attachment like any other."""
        plain = [part for part in parts if part.get_content_type() == "text/plain"]
        rich = [part for part in parts if _has_html(part)]
        forms = {id(part) for part in (*plain, *rich)}
        texts = [self.text(part, found) for part in plain]
        short = sum(len(text.strip()) for text in texts) < SHORT_PLAIN
        if rich and short:
            other = Letter([])
            for part in rich:
                self.part(part, other, depth + 1)
            if len("".join(other.body).split()) > 2 * len("".join(texts).split()):
                texts = []
                found.body += other.body
                found.notes += other.notes
            found.enclosed += other.enclosed
            found.lost += other.lost
        else:
            for inner in (each for part in rich for each in _inside(part)):  # pictures and files beside the HTML form
                if inner.get_content_type() != "text/html":
                    self.part(inner, found, depth + 1)
        found.body += texts
        for part in parts:
            if id(part) not in forms:
                self.part(part, found, depth + 1)

    def text(self, part: Message, found: Letter) -> str:
        charset = _charset(part)
        text, warning = page_text(_payload(part, found), charset)
        if warning and (charset or "\ufffd" in text):
            found.notes[REPLACED] += 1
        return normalise(text).strip("\n")

    def html(self, part: Message, found: Letter) -> str:
        text, warning = page_text(_payload(part, found), _charset(part))
        if warning and _charset(part):
            found.notes[REPLACED] += 1
        shown, lost = visible(text)
        found.notes += lost
        return shown.strip("\n")

    def lose(self, part: Message, kind: str, found: Letter) -> None:
        data = _payload(part, found)
        name = _name(part) or ("a picture" if kind.startswith("image/") else "an attachment without a name")
        found.lost.append(Lost(name, f"{kind}, {size(len(data))}"))
        if self.keep:
            self.kept.append((name, data))


def _inside(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    return (each for each in payload if isinstance(each, Message)) if isinstance(payload, list) else iter(())


def _has_html(part: Message) -> bool:
    """An HTML text, or a multipart/related or mixed that starts with one."""
    if part.get_content_type() == "text/html":
        return True
    return part.is_multipart() and part.get_content_maintype() == "multipart" and any(
        inner.get_content_type() == "text/html" for inner in _inside(part)
    )  # fmt: skip


def _payload(part: Message, found: Letter) -> bytes:
    before = len(part.defects)
    payload = part.get_payload(decode=True)
    if len(part.defects) > before:  # broken base64
        found.notes[DAMAGED] += 1
    return payload if isinstance(payload, bytes) else b""


def _charset(part: Message) -> str | None:
    """The declared charset; none for ASCII, which is what programs say that do not know."""
    value = part.get_param("charset")
    label = value[2] if isinstance(value, tuple) else value
    label = (label or "").strip().lower() if isinstance(label, str) else ""
    label = label.removesuffix("-i") if label.startswith("iso-8859-8") else label
    return (
        None if label in ("", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit") or not label.isascii() else label
    )


def _name(part: Message) -> str:
    """The file name, on one line and without folders."""
    value = part.get_param("filename", None, "content-disposition") or part.get_param("name")
    if isinstance(value, tuple):
        charset, _, text = value
        raw = text.encode("latin-1", "replace")
        value = page_text(raw, charset)[0] if charset else text
    return header.readable(value or "").replace("\\", "/").rpartition("/")[2][:200]


def _sealing(part: Message, kind: str) -> str:
    if kind == "multipart/encrypted":
        return "it is encrypted with PGP" if "pgp" in str(part.get_param("protocol")) else "it is encrypted"
    if str(part.get_param("smime-type")).lower() == "signed-data":
        return "its text is sealed inside an S/MIME signature"
    return "it is encrypted with S/MIME"
