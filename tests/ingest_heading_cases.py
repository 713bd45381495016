"""What the tests of headings share: text with filler between headers, and the outline found in it."""

from __future__ import annotations

from ingest.document import Section
from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages

FILLER = "The parties have agreed on this clause after long negotiations and in good faith, each for its own part."


def sections(text: str, *, markdown: bool = False) -> list[Section]:
    return find_sections(split_pages(text, [(0, len(text))]), len(text), markdown=markdown)


def outline(text: str, *, markdown: bool = False) -> list[tuple[int, str]]:
    return [(section.level, section.title) for section in sections(text, markdown=markdown)]


def clauses(*headers: str) -> str:
    return "".join(f"{header}\n{FILLER}\n" for header in headers)
