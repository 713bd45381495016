"""A mailbox (.mbox) → Part: threads as sections of level 1, their messages below in order of time.

A line "From … date" after an empty line starts a message only where a header line follows, so that a sentence that
begins with "From" does not; the ">" that protects such a sentence is taken away (mboxrd).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import pairwise

from ingest.document import BrokenFileError
from ingest.mail import mime
from ingest.mail.layout import Layout
from ingest.mail.letter import Letter
from ingest.mail.threads import plain_subject, threads
from ingest.mail.words import day
from ingest.part import Part, Request

REPEATED = "messages that stand more than once in the mailbox are shown once: {n}"
BEFORE = "bytes before the first message are not shown: {n}"
DAMAGED = "messages that are too damaged to be read were left out: {n}"
_START = re.compile(
    rb"(?:\A\s*|(?<=\n\n)|(?<=\n\r\n))"
    rb"From [^\n]{0,998}?[0-9]{1,2}:[0-9]{2}[^\n]{0,99}\n(?=[!-9;-~]{1,99}[ \t]*:|>From )"
)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


def read(data: bytes, name: str, request: Request) -> Part:
    """All messages of a mailbox; what is encrypted or damaged among them is reported."""
    layout = Layout(name, request)
    try:
        found = threads(list(_letters(data, name, layout)))
        if not found:
            raise BrokenFileError(f"{name} is not a mailbox: no message in it can be read; export it again.")
        for number, letters in enumerate(found, start=1):
            _thread(letters, f"Thread {number} of {len(found)}", layout)
    except RecursionError:
        raise BrokenFileError(f"{name} is nested too deeply to be read: export it again.") from None
    return layout.part("mbox")


def messages(data: bytes) -> Iterator[bytes]:
    """The raw messages of a mailbox, without their "From" lines and escapes."""
    edges = [(found.start(), found.end()) for found in _START.finditer(data)]
    for (_, start), (end, _) in pairwise([*edges, (len(data), len(data))]):
        yield _ESCAPED.sub(rb"\1", data[start:end])


def _letters(data: bytes, name: str, layout: Layout) -> Iterator[Letter]:
    seen: set[bytes] = set()
    first = _START.search(data)
    before = len(data[: first.start()].strip()) if first else 0
    if before:
        layout.notes[BEFORE] += before
    for raw in messages(data):
        digest = hashlib.sha256(raw.strip()).digest()
        if digest in seen:
            layout.notes[REPEATED] += 1
            continue
        seen.add(digest)
        try:
            yield mime.letter(mime.parse(raw, name), name)
        except (BrokenFileError, RecursionError):
            layout.notes[DAMAGED] += 1


def _thread(letters: list[Letter], number: str, layout: Layout) -> None:
    subject = next((plain_subject(each.subject) for each in letters if each.subject), "") or "(no subject)"
    dated = [each.sent for each in letters if each.sent is not None]
    days = list(dict.fromkeys((day(dated[0]), day(dated[-1])))) if dated else ["date unknown"]
    title = f"{number} — {' to '.join(days)} — {subject}"
    slot, start, header_end = layout.open(title)
    for index, letter in enumerate(letters, start=1):
        layout.write("\n")
        layout.letter(letter, 2, f"Message {index} of {len(letters)}")
    layout.write("\n")
    layout.close(slot, start, header_end, title, 1, "session")
