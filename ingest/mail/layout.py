"""Letters → text, sections and report of a Part: a header block, the body as written, then what is enclosed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ingest.document import LimitError, Section, Span, Unread
from ingest.mail.letter import Enclosure, Letter
from ingest.mail.words import day
from ingest.part import Part, Request

NAMED_FILES = 500  # attachments named one by one in the report
MAX_TITLE = 200


@dataclass(slots=True)
class Layout:
    """Takes letters in order, bounds their size, and gives the Part of one file."""

    name: str
    request: Request
    texts: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    chars: int = 0
    files: int = 0

    def letter(self, letter: Letter, level: int, lead: str = "") -> None:
        """One message as a section; `lead` is a line of its own above its header block."""
        block = [lead] if lead else []
        block += [f"{label}: {text}" for label, text in letter.headers]
        slot, start, header_end = self.open("\n".join(block) or "(a message without a header)")
        self.notes.update(letter.notes)
        for text in letter.body:
            if text.strip():
                self.write(f"\n{text}\n")
        if letter.sealed:
            self.write(f"\n(not read: {letter.sealed})\n")
            self.lose(title(letter), letter.sealed)
        for lost in letter.lost:
            self.write(f"\n(attached, not read: {lost.name}, {lost.details})\n")
            self.lose(lost.name, f"attached to a message ({lost.details}); attachments of this kind are not read")
        for each in letter.enclosed:
            self.write("\n")
            if isinstance(each, Enclosure):
                self.enclosure(each, level + 1)
            else:
                self.letter(each, level + 1, "Attached message")
        self.close(slot, start, header_end, title(letter), level, "message")

    def enclosure(self, each: Enclosure, level: int) -> None:
        slot, start, header_end = self.open(f"Attached text: {each.name}")
        self.write(f"\n{each.text}\n")
        self.close(slot, start, header_end, each.name, level, "attachment")

    def lose(self, name: str, reason: str) -> None:
        """Reports something that is not read; from some number on only how many there are."""
        self.files += 1
        if self.files <= NAMED_FILES:
            self.unread.append(Unread(f"{self.name}/{name}", None, reason))

    def open(self, header: str) -> tuple[int, int, int]:
        """Writes a header and keeps its place among the sections, which are ordered by start."""
        start = self.chars
        self.sections.append(Section("", 1, start, start, start, ""))
        self.write(f"{header}\n")
        return len(self.sections) - 1, start, start + len(header)

    def close(self, slot: int, start: int, header_end: int, title: str, level: int, kind: str) -> None:
        """Ends the section opened as `slot` where the text now ends."""
        self.sections[slot] = Section(title[:MAX_TITLE], level, start, self.chars, header_end, kind)

    def write(self, text: str) -> None:
        """Adds text; LimitError past the limit of the request."""
        self.texts.append(text)
        self.chars += len(text)
        if self.chars > self.request.max_chars:
            raise LimitError(
                f"{self.name} holds more text than the limit of {self.request.max_chars:,} characters: split it."
            )

    def part(self, format_name: str) -> Part:
        """Everything taken so far."""
        text = "".join(self.texts)
        found = [f"{self.name}: {note.replace('{n}', f'{count:,}')}." for note, count in sorted(self.notes.items())]
        if self.files > NAMED_FILES:
            found.append(f"{self.name}: {self.files - NAMED_FILES:,} more attachments were not read.")
        spans = [Span(0, len(text), self.name, line=1)]
        return Part(text, spans, self.sections, unread=self.unread, warnings=found, format=format_name)


def title(letter: Letter) -> str:
    """`Refund for order 4711 (Ann Lee, 3 May 2025)`, as far as known."""
    known = ", ".join(part for part in (letter.sender, day(letter.sent) if letter.sent else "") if part)
    return (letter.subject or "(no subject)") + (f" ({known})" if known else "")
