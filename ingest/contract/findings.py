"""What all checks share: a finding at a place, named by its section."""

from __future__ import annotations

from ingest.contract.outline import Outline
from ingest.contract.values import Finding, Severity


def finding(outline: Outline, code: str, severity: Severity, message: str, start: int, end: int) -> Finding:
    """A finding, with the title of the innermost section it stands in."""
    index = outline.at(start)
    return Finding(code, severity, message, start, end, outline.sections[index].title if index >= 0 else "")


def title(outline: Outline, index: int | None) -> str:
    """The title of one of the document's sections, in quotes for a message."""
    return "no section" if index is None else f"“{outline.document.sections[index].title}”"


def count(number: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
