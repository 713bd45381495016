"""A finding as one line for people: "p. 12, 4.2 Insurance: Section 9.9 is referred to, but …"."""

from __future__ import annotations

from ingest.contract.values import Finding
from ingest.document import Document


def place(document: Document, offset: int) -> str:
    """ "p. 12", or "line 7" where the file has no pages."""
    span = document.span_at(offset)
    if span.page is not None:
        return f"p. {span.page}"
    line = document.line_of(offset)
    return f"line {line}" if line is not None else span.path


def finding_line(finding: Finding, document: Document) -> str:
    """Where, under which section, and what; one line."""
    where = place(document, finding.start)
    section = f", {finding.section}" if finding.section else ""
    return f"{where}{section}: {finding.message}"
