"""Exhibits, schedules, annexes and appendices: those that are there, and those that are only spoken of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.contract.citing import ATTACHED
from ingest.contract.outline import Outline, key_of
from ingest.contract.values import Attachment, Reference

_HEADED = re.compile(
    r"^[ \t#*_]{0,20}((?:EXHIBIT|SCHEDULE|ANNEXE?|ANLAGE|APPENDIX|ATTACHMENT|ADDENDUM)[ \t]{1,3}[\w.-]{1,12})",
    re.MULTILINE,
)


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
    headed = _headed(outline)
    for reference in references:
        if reference.kind in ATTACHED and reference.state == "dangling":
            label = f"{reference.kind.title()} {re.split(r'[(]', reference.label)[0].strip()}"
            if key_of(label) not in found and key_of(label) not in headed:
                new = Attachment(label, reference.kind, "", reference.start, reference.end, None)
                found[key_of(label)] = new
    return list(found.values())


def _headed(outline: Outline) -> set[str]:
    """Labels in capitals at the start of a line: an attachment's header, even where it made no section."""
    return {key_of(match[1]) for match in _HEADED.finditer(outline.text, outline.start, outline.end)}
