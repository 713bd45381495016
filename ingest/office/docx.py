"""A Word file → Part: what its reader sees, numbers of clauses included; changes and comments shown as such.

Headings are the sections, numbered clauses below them too. Headers and footers are artifacts. Pictures, charts and
embedded objects are counted in the warnings; macros are neither read nor run.
"""

from __future__ import annotations

import posixpath
from collections import Counter

from lxml import etree

from ingest.document import Artifact, BrokenFileError
from ingest.flow import Flow
from ingest.office.body import Body
from ingest.office.notes import COMMENTS, Notes
from ingest.office.numbering import Numbering
from ingest.office.runs import Runs
from ingest.office.styles import Styles
from ingest.office.word_xml import R, W
from ingest.part import Part, Request
from ingest.zipped import Zipped, broken

MAIN = "word/document.xml"
FORMAT_CHANGES = tuple(W + name for name in ("rPrChange", "pPrChange", "sectPrChange", "tblPrChange", "tcPrChange"))
FORMATTING = "tracked changes of formatting, not shown: {n}"


def read(data: bytes, name: str, request: Request) -> Part:
    """Reads .docx and .docm, in the usual and the strict form."""
    try:
        return _Word(Zipped(data, name), name, request).part()
    except RecursionError:
        raise broken(name) from None


class _Word:
    def __init__(self, package: Zipped, name: str, request: Request) -> None:
        self.package, self.name = package, name
        self.flow = Flow(name, "docx", request)
        self.main = next((part for kind, part in package.relations("").values() if kind == "officeDocument"), MAIN)
        self.relations = package.relations(self.main)
        self.notes = Notes()
        self.lost: Counter[str] = Counter()

    def part(self) -> Part:
        document = self.package.xml(self.main)
        body = document.find(W + "body") if document is not None else None
        if body is None:
            raise BrokenFileError(f"{self.name} has no document in it: open it in Word and save it again.")
        styles, numbering = Styles(self._tree("styles")), self._tree("numbering")
        self._read_notes(styles, numbering, body)
        counted = Numbering(numbering)
        reader = Body(styles, counted, Runs(self.notes, self.lost), self.lost)
        for block in reader.blocks(body):
            if block.kind == "heading":
                self._notes_end()
            self.flow.add(block)
        self._notes_end()
        self._artifacts(body, Body(styles, Numbering(numbering), Runs(self.notes, Counter()), Counter()))
        self.notes.pending.clear()
        self._report(body, counted)
        return self.flow.part()

    def _tree(self, kind: str) -> etree._Element | None:
        part = next((part for name, part in self.relations.values() if name == kind), None)
        return self.package.xml(part or posixpath.join(posixpath.dirname(self.main), f"{kind}.xml"))

    def _read_notes(self, styles: Styles, numbering: etree._Element | None, body: etree._Element) -> None:
        """Comments first, which know of nothing else; then notes, which may hold comments but no notes."""
        bare = Body(styles, Numbering(numbering), Runs(Notes(), self.lost), self.lost)
        self.notes.read_comments(self._tree("comments"), bare.words)
        commented = Notes()
        commented.comments = self.notes.comments
        within = Body(styles, Numbering(numbering), Runs(commented, self.lost), self.lost)
        for kind in ("footnote", "endnote"):
            self.notes.read(kind, self._tree(f"{kind}s"), within.words)
        self.notes.comments_shown = commented.comments_shown
        self.notes.settings(self._tree("settings"))
        self.notes.settings(body.find(W + "sectPr"))

    def _notes_end(self) -> None:
        for mark, text in self.notes.pending:
            self.flow.note(mark, text)
        self.notes.pending.clear()

    def _artifacts(self, body: etree._Element, reader: Body) -> None:
        for kind in ("header", "footer"):
            parts = (
                self.relations.get(str(each.get(R + "id", "")), ("", ""))[1]
                for each in body.iter(f"{W}{kind}Reference")
            )
            for part in dict.fromkeys(parts):
                tree = self.package.xml(part) if part else None
                text = reader.words(tree) if tree is not None else ""
                artifact = Artifact(self.name, kind, text, ())
                if text and artifact not in self.flow.artifacts:
                    self.flow.artifacts.append(artifact)

    def _report(self, body: etree._Element, numbering: Numbering) -> None:
        self.lost[COMMENTS] += self.notes.comments_shown
        self.lost[FORMATTING] += sum(1 for _ in body.iter(*FORMAT_CHANGES))
        self.lost["notes that no place in the text refers to, not read: {n}"] += self.notes.unused()
        names = [name.lower() for name in self.package.names]
        self.lost["files embedded in it, not read: {n}"] += sum("/embeddings/" in name for name in names)
        if any(name.endswith("vbaproject.bin") for name in names):
            self.flow.warn("its macros were neither read nor run")
        if self.notes.restarts:
            self.flow.warn("its notes restart on each page or section, but are numbered through here")
        for form in sorted(numbering.strange)[:5]:
            self.flow.warn(f"numbers in the form {form!r} are shown in decimal")
        self.flow.lost.update({words: count for words, count in self.lost.items() if count})
