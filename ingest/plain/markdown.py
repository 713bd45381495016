"""A Markdown file → Part: the text as written; front matter and comments stay in it but hold no headers."""

from __future__ import annotations

import re

from ingest.part import Part, Request
from ingest.plain.prose import Ranges, cut, plain_part

_FRONT = re.compile(
    r"---[ \t]*\n(?:[^\n]*\n){0,500}?(?:---|\.\.\.)[ \t]*\n|\+\+\+[ \t]*\n(?:[^\n]*\n){0,500}?\+\+\+[ \t]*\n"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def read(data: bytes, name: str, request: Request) -> Part:
    """Text as written; sections from # headers and underlined ones, and from numbering below them."""
    return cut(plain_part(data, name, request, "markdown"), name, markdown=True, quiet=unheaded)


def unheaded(text: str) -> Ranges:
    """Where no header can stand: front matter at the very start, and comments that begin a line outside of code."""
    front = _FRONT.match(text)
    found: Ranges = [front.span()] if front else []
    at, fence = front.end() if front else 0, ""
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        line = text[at : min(end, at + 80)]
        opened = _FENCE.match(line)
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        elif not fence and line.lstrip().startswith("<!--"):
            close = text.find("-->", at)
            end = text.find("\n", close) + 1 or len(text) if close >= 0 else len(text)
            found.append((at, end))
        at = end
    return found
