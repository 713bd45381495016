"""Exhibits, schedules, annexes and appendices: those that are there, and those that are only spoken of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.contract.citing import ATTACHED
from ingest.contract.outline import Outline, key_of
from ingest.contract.values import Attachment, Reference


def find_attachments(outline: Outline, references: Sequence[Reference]) -> list[Attachment]:
    """One entry a label: first those that are sections, in order, then the missing ones as they are first named."""
    found: dict[str, Attachment] = {}
    for index, entry in enumerate(outline.entries):
        if not entry.label or (entry.parent >= 0 and outline.entries[entry.parent].label == entry.label):
            continue
        section = entry.section
        empty = not outline.text[section.header_end : section.end].strip(" \t\n.:*_#[]–—-")
        title = section.title[len(entry.label) :].strip(" .:–—-")
        kind = entry.label.split()[0].casefold()
        new = Attachment(entry.label, kind, title, section.start, section.end, outline.outer(index), empty)
        key = key_of(entry.label)
        if key not in found or (found[key].empty and not empty):
            found[key] = new
    for reference in references:
        if reference.kind in ATTACHED and reference.state == "dangling":
            label = f"{reference.kind.title()} {re.split(r'[(]', reference.label)[0].strip()}"
            if key_of(label) not in found and not _stands_alone(outline, label):
                new = Attachment(label, reference.kind, "", reference.start, reference.end, None)
                found[key_of(label)] = new
    return list(found.values())


def _stands_alone(outline: Outline, label: str) -> bool:
    """A line that begins with the label in capitals is the attachment's header, even where it made no section."""
    return any(outline.text.find(f"{before}{label.upper()}", outline.start, outline.end) >= 0 for before in ("\n", "\f"))
