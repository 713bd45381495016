"""A document being written, with its headers, and the questions asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field

NOT_STATED = "Not stated in this document."


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `quote` is a range of characters of the document, and `seen` are all places needed for the answer.

    Without a quote the answer stands alone: a refusal, or chat.
    """

    question: str
    answer: str
    quote: tuple[int, int] | None = None
    seen: tuple[int, ...] = ()
    family: str = ""
    focus: tuple[int, int] | None = None
    """The characters inside the quote that must survive its shortening."""


@dataclass(frozen=True, slots=True)
class Header:
    """Characters [start, end) of a header; answers name it by `title`, items excepted."""

    start: int
    end: int
    title: str
    cited: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A finished document; `kind`: contract, history, code, manual or table."""

    text: str
    headers: tuple[Header, ...]
    asked: tuple[Asked, ...]
    kind: str

    def title_at(self, offset: int) -> str:
        """The title under which `offset` stands; empty before the first header."""
        found = ""
        for header in self.headers:
            if header.start > offset:
                break
            if header.cited:
                found = header.title
        return found


@dataclass(slots=True)
class Writer:
    """Appends text and headers; `spot` remembers where a sentence came to stand."""

    parts: list[str] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    length: int = 0

    def write(self, text: str) -> tuple[int, int]:
        """The characters [start, end) at which `text` now stands."""
        start = self.length
        self.parts.append(text)
        self.length += len(text)
        return start, self.length

    def header(self, text: str, title: str | None = None, *, cited: bool = True) -> None:
        """Writes a header without its line break; `title` as answers name it, by default the text itself."""
        start, end = self.write(text)
        self.headers.append(Header(start, end, (title or text).strip().lstrip("# ").rstrip("."), cited))

    def name(self, start: int, end: int, title: str) -> None:
        """Makes a header of characters that were written."""
        self.headers.append(Header(start, end, title, cited=True))

    def between(self, start: int, end: int) -> str:
        """The characters [start, end)."""
        index, base = len(self.parts), self.length
        while base > start:
            index -= 1
            base -= len(self.parts[index])
        return "".join(self.parts[index:])[start - base : end - base]

    def page(self, asked: list[Asked], kind: str) -> Page:
        """The document with its questions."""
        return Page("".join(self.parts), tuple(self.headers), tuple(asked), kind)
