"""The HTML body of a message, here or in a help desk's export → its visible text, and what of it was not read."""

from __future__ import annotations

from collections import Counter

from ingest.flow import Flow
from ingest.part import Request
from ingest.web.html import parse

MAX_CHARS = 200_000_000  # of one body; the file's own limit is checked by its reader


def visible(html: str, max_chars: int = MAX_CHARS) -> tuple[str, Counter[str]]:
    """The text, and sentences with {n} for what it lacks, as ingest.web counts them."""
    page = parse(html, "the message", max_chars)
    flow = Flow("the message", "html", Request(max_chars, 1))
    for block in page.blocks:
        flow.add(block)
    return flow.text(), page.lost
