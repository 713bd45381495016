"""Where the signature of a definition stands in its section, below the comments and attributes that belong to it."""

from __future__ import annotations

import re

from ingest.document import Section

_ABOVE = re.compile(r"\s*(?:#|//|/\*|\*|--|@(?!interface\b)|\[)")  # how lines start that are no signature
_LEAF = re.compile(r"[^.:\s]+$")


def signature_start(text: str, section: Section) -> int:
    """The offset of the first line of the header that holds the name; `section.start` where no line does."""
    leaf = _LEAF.search(section.title)
    if leaf is None:
        return section.start
    name = re.compile(rf"(?<!\w){re.escape(leaf[0])}(?!\w)")
    at = section.start
    for line in text[section.start : section.header_end].splitlines(keepends=True):
        if not _ABOVE.match(line) and name.search(line):
            return at + len(line) - len(line.lstrip())
        at += len(line)
    return section.start
