"""Footnotes, endnotes and comments of a Word file: their texts, and the marks of the notes in the order they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from ingest.office.numerals import numeral
from ingest.office.word_xml import W, number_of, value_of

FORMS = {"footnote": "decimal", "endnote": "lowerRoman"}  # Word's own, where a file names none
COMMENTS = "comments, shown in the text as [comment by …]: {n}"


@dataclass(frozen=True, slots=True)
class Comment:
    """Who said what."""

    author: str
    text: str


class Notes:
    """Hands out the marks; the texts of notes referred to wait in `pending` until their section ends."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.comments: dict[str, Comment] = {}
        self.pending: list[tuple[str, str]] = []
        self.used: set[tuple[str, str]] = set()
        self.comments_shown = 0
        self.restarts = False
        self._form = dict(FORMS)
        self._next = {"footnote": 1, "endnote": 1}

    def settings(self, tree: etree._Element | None) -> None:
        """Takes the form and first number of the notes from settings or the last section."""
        for kind in FORMS:
            found = tree.find(f"{W}{kind}Pr") if tree is not None else None
            if found is None:
                continue
            self._form[kind] = value_of(found.find(W + "numFmt")) or self._form[kind]
            self._next[kind] = number_of(value_of(found.find(W + "numStart")), self._next[kind])
            self.restarts |= value_of(found.find(W + "numRestart")) in ("eachPage", "eachSect")

    def read(self, kind: str, tree: etree._Element | None, words: Callable[[etree._Element], str]) -> None:
        """Keeps the texts of all notes of a kind; separators between text and notes are none."""
        for each in tree.findall(W + kind) if tree is not None else ():
            if each.get(W + "type") in (None, "normal"):
                self.texts[kind, str(each.get(W + "id", ""))] = words(each)

    def read_comments(self, tree: etree._Element | None, words: Callable[[etree._Element], str]) -> None:
        """Keeps the texts of all comments."""
        for each in tree.findall(W + "comment") if tree is not None else ():
            author = str(each.get(W + "author", "")).strip() or "an unnamed author"
            self.comments[str(each.get(W + "id", ""))] = Comment(author, " / ".join(words(each).split("\n")))

    def comment(self, key: str) -> str:
        """The comment in brackets, "" if the file has none of that id."""
        found = self.comments.get(key)
        if found is None:
            return ""
        self.comments_shown += 1
        return f"[comment by {found.author}: {found.text}]"

    def refer(self, kind: str, key: str, *, custom: bool) -> str:
        """The mark of a note at its place; its text follows at the end of the section."""
        if custom:
            mark = "*"
        else:
            mark = numeral(self._next[kind], self._form[kind])[0]
            self._next[kind] += 1
        self.used.add((kind, key))
        self.pending.append((mark, self.texts.get((kind, key), "[the note is missing from the file]")))
        return mark

    def unused(self) -> int:
        """How many notes no place in the text refers to."""
        return sum(1 for key, text in self.texts.items() if key not in self.used and text.strip())
