"""Checks of references: to nothing, in a circle, to attachments that are missing, and attachments nobody refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.contract.citing import ATTACHED
from ingest.contract.findings import count, finding, title
from ingest.contract.outline import Outline, key_of
from ingest.contract.values import Contract, Finding, Reference

_ONLY = re.compile(
    r"[\s.:–—-]*(?:\(?(?:please\s+)?(?:see|refer\s+to|cf\.?)"
    r"|as\s+(?:set\s+(?:forth|out)|provided|described|stated|specified|defined)\s+(?:in|under)"
    r"|(?:is|are|shall\s+be)\s+(?:as\s+)?(?:governed\s+by|subject\s+to|set\s+(?:forth|out)\s+in|regulated\s+in"
    r"|determined\s+(?:by|under|in\s+accordance\s+with))|(?:the\s+)?provisions?\s+of)\s+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"\s*(?:\([^()]{0,60}\)|above|below|hereof|of\s+this\s+\w+|shall\s+apply|applies|apply|[.;)\s])*", re.IGNORECASE
)
MAX_BODY = 240


def check_references(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """All findings about what is referred to."""
    for reference in contract.references:
        if reference.state == "dangling" and reference.kind not in ATTACHED:
            message = f"{_named(reference)} is referred to, but this document has no such {reference.kind}."
            yield finding(outline, "dangling-reference", "error", message, reference.start, reference.end)
    yield from _attachments(contract, outline)
    yield from _circles(contract, outline)


def _named(reference: Reference) -> str:
    text = reference.text
    if text[:1].isdigit() or text.startswith("("):
        return f"{reference.kind.title()} {reference.label}"
    return text[:1].upper() + text[1:]


def _attachments(contract: Contract, outline: Outline) -> Iterator[Finding]:
    named: dict[str, list[Reference]] = {}
    for reference in contract.references:
        if reference.kind in ATTACHED and reference.label:
            key = key_of(f"{reference.kind} {reference.label.split('(')[0]}")
            if reference.state != "external":
                named.setdefault(key, []).append(reference)
    every = {reference.kind for reference in contract.references if reference.kind in ATTACHED and not reference.label}
    for attachment in contract.attachments:
        uses = named.get(key_of(attachment.label), [])
        label_end = attachment.start + len(attachment.label)
        if attachment.section is None:
            times = count(len(uses)) if uses else "once"
            message = f"{attachment.label} is referred to {times}, but it is not in this document."
            yield finding(outline, "missing-attachment", "error", message, attachment.start, attachment.end)
        elif attachment.empty:
            message = f"{attachment.label} is only a heading: nothing stands below it."
            yield finding(outline, "missing-attachment", "warning", message, attachment.start, label_end)
        elif attachment.kind not in every and all(attachment.start <= use.start < attachment.end for use in uses):
            message = f"{attachment.label} is attached, but nothing refers to it."
            yield finding(outline, "unreferenced-attachment", "note", message, attachment.start, label_end)


def _circles(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """Sections that say nothing but "see Section X", and X sends the reader back."""
    leads: dict[int, int] = {}
    for reference in contract.references:
        if reference.section is None or reference.origin is None or reference.origin in leads or not reference.label:
            continue
        section = contract.document.sections[reference.origin]
        if section.end - section.header_end > MAX_BODY or reference.start < section.start:
            continue
        said = contract.document.text[section.start : reference.start]
        body = _ONLY.search(said)
        after = _TAIL.match(contract.document.text, reference.end, section.end)
        begun = section.header_end - section.start
        if body and body.end() == len(said) and body.start() <= begun + 3 and after and after.end() >= section.end:
            leads[reference.origin] = reference.section
    done: set[int] = set()
    for start in sorted(leads):
        path: list[int] = []
        node = start
        while node in leads and node not in done:
            done.add(node)
            path.append(node)
            node = leads[node]
        if node in path:
            circle = path[path.index(node) :]
            chain = " → ".join(title(outline, index) for index in (*circle, circle[0]))
            section = contract.document.sections[circle[0]]
            message = f"These sections only refer to each other: {chain}."
            yield finding(outline, "circular-reference", "error", message, section.start, section.header_end)
