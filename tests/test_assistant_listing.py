"""What `read` prints of a document: keys as promised, places only where there are some, and all that was left out."""

from __future__ import annotations

from assistant.listing import listing, outline
from ingest import Artifact, Document, Encoded, IngestReport, Section, Span, Unread
from ingest.encode import encode

TEXT = "File: a.pdf\n1. Scope\nwords\nFile: b.docx\nTitle\nwords\nFile: c.txt\nmore\n"
SECTIONS = (
    Section("a.pdf", 1, 0, 27, 11, "file"),
    Section("1. Scope", 2, 12, 27, 20, "clause"),
    Section("b.docx", 1, 27, 52, 39, "file"),
    Section("Title", 2, 40, 52, 45, "title"),
    Section("c.txt", 1, 52, 69, 63, "file"),
)
SPANS = (
    Span(0, 12, "a.pdf"), Span(12, 27, "a.pdf", page=1, page_label="i"), Span(27, 40, "b.docx"), Span(40, 52, "b.docx"),
    Span(52, 64, "c.txt"), Span(64, 69, "c.txt", line=1),
)  # fmt: skip
REPORT = IngestReport(
    3,
    3,
    unread=(Unread("a.pdf", 2, "no text layer (a scan?)"), Unread("x.bin", None, "binary data")),
    warnings=("a.pdf: its bookmarks are damaged",),
    artifacts=(
        Artifact("a.pdf", "header", "DRAFT", (1, 2, 3)),
        Artifact("a.pdf", "page number", "1", (1,)),
        Artifact("a.pdf", "page number", "3", (3,)),
        Artifact("b.docx", "footer", "Page 1", ()),
    ),
)
DOCUMENT = Document("three", TEXT, SECTIONS, SPANS, REPORT, "hash")
KEPT_OUT = [
    "kept out of the text: header “DRAFT” (p. 1–3) of a.pdf",
    "kept out of the text: page numbers (p. 1, 3) of a.pdf",
    "kept out of the text: footer “Page 1” of b.docx",
]


def encoded() -> Encoded:
    return encode(DOCUMENT, lambda text: (list(range(len(text))), [(at, at + 1) for at in range(len(text))]))


def test_the_object_has_the_promised_keys_and_no_others() -> None:
    found = listing(DOCUMENT, encoded())
    assert set(found) == {
        "sections", "anchors", "tokens", "pages", "files", "pages_unread", "files_unread", "warnings",
    }  # fmt: skip
    assert found["sections"][1] == {"title": "1. Scope", "level": 2, "page": 1, "tokens": 15}
    assert found["sections"][3] == {"title": "Title", "level": 2, "path": "b.docx", "line": None, "tokens": 12}
    assert (found["files"], found["pages"], found["tokens"]) == (3, 3, len(TEXT))
    assert found["pages_unread"] == [2]
    assert found["files_unread"] == [{"path": "x.bin", "reason": "binary data"}]
    assert found["warnings"] == ["a.pdf: its bookmarks are damaged", *KEPT_OUT]


def test_the_tree_shows_places_only_where_there_are_some() -> None:
    rows = outline(DOCUMENT, encoded()).splitlines()
    assert rows[0].startswith("three: 3 files, 3 pages, 69 tokens, ")
    assert [row.split() for row in rows[1:6]] == [
        ["27", "a.pdf"], ["p.", "1", "15", "1.", "Scope"], ["25", "b.docx"], ["12", "Title"], ["17", "c.txt"],
    ]  # fmt: skip
    assert rows[6:] == [
        *KEPT_OUT,
        "not read: a.pdf, page 2: no text layer (a scan?)",
        "not read: x.bin: binary data",
        "warning: a.pdf: its bookmarks are damaged",
    ]


def test_depth_cuts_the_tree_and_says_so() -> None:
    rows = outline(DOCUMENT, encoded(), depth=1).splitlines()
    assert [row.split()[-1] for row in rows[1:4]] == ["a.pdf", "b.docx", "c.txt"]
    assert rows[4] == "2 sections below level 1 are not shown (--depth)"
