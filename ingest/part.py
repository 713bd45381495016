"""Part: what one file gives to a Document, its form on the wire between sandbox and parent, and its checks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from ingest.document import Artifact, Section, Span, Unread

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader of one file may give back at most, and what it was told beside the bytes."""

    max_chars: int
    max_pages: int
    password: str | None = None
    ocr: bool = False  # read scanned pages with text recognition


@dataclass(slots=True)
class Part:
    """One file's text, spans and sections, offsets from its own start; the text ends in a newline.

    `format` is a name out of formats.py; `outlined` is false where a source file was read without an outline.
    `imports` are the names a source file imports, as written.
    """

    text: str
    spans: list[Span]
    sections: list[Section] = field(default_factory=list)
    pages: int = 0
    unread: list[Unread] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    format: str = "text"
    outlined: bool = True

    def check(self) -> None:
        """ValueError unless the spans tile the text, the sections nest in order and the text ends in a newline."""
        end = len(self.text)
        edges = [0, *(span.end for span in self.spans)]
        if any(span.start != edge or span.end <= span.start for span, edge in zip(self.spans, edges, strict=False)):
            raise ValueError("the spans do not tile the text")
        if edges[-1] != end or (end and not self.text.endswith("\n")):
            raise ValueError("the text ends outside its spans or without a newline")
        if any(not 0 <= s.start <= s.header_start < s.header_end <= s.end <= end or s.level < 1 for s in self.sections):
            raise ValueError("a section lies outside the text")
        if any(after.start < before.start for before, after in pairwise(self.sections)):
            raise ValueError("the sections are out of order")
        open_ends: list[int] = []
        for section in self.sections:
            while open_ends and open_ends[-1] <= section.start:
                open_ends.pop()
            if open_ends and section.end > open_ends[-1]:
                raise ValueError("the sections do not nest")
            open_ends.append(section.end)


def to_wire(part: Part) -> dict[str, Any]:
    """The part as plain data that JSON carries."""
    wire = {name.name: getattr(part, name.name) for name in dataclasses.fields(part)}
    for name in ("spans", "sections", "unread", "artifacts"):
        wire[name] = [list(dataclasses.astuple(value)) for value in wire[name]]
    return wire


def from_wire(wire: dict[str, Any]) -> Part:
    """The part a child sent; ValueError or TypeError for anything that is none: the child may be in bad hands."""
    part = Part(
        text=_of(str, wire["text"]),
        spans=[Span(*_of(list, row)) for row in wire["spans"]],
        sections=[Section(*_of(list, row)) for row in wire["sections"]],
        pages=_of(int, wire["pages"]),
        unread=[Unread(*_of(list, row)) for row in wire["unread"]],
        warnings=[_of(str, text) for text in wire["warnings"]],
        artifacts=[Artifact(path, kind, text, tuple(pages)) for path, kind, text, pages in wire["artifacts"]],
        imports=[_of(str, text) for text in wire["imports"]],
        format=_of(str, wire["format"]),
        outlined=_of(bool, wire["outlined"]),
    )
    part.check()
    return part


def _of(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was promised")
    return value
