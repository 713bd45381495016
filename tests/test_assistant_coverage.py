"""The receipt and the words around it: what was read, what not, who answers."""

from __future__ import annotations

import pytest

from assistant.coverage import Coverage, coverage
from assistant.errors import UnknownBotError
from assistant.listing import listing, outline, place
from assistant.service import profile_named
from ingest import Document, IngestReport, Unread, encode
from storage import CitationRecord
from tests.fakes import document, lines, tokenizer

GAPS = (
    Unread("deed.pdf", 2, "no text layer"),
    Unread("tool.bin", None, "binary data"),
    Unread("deed.pdf", 5, "damaged"),
)


def with_report(source: Document, report: IngestReport) -> Document:
    return Document(source.name, source.text, source.sections, source.spans, report, source.content_hash)


def test_the_receipt_counts_pages_and_names_what_was_not_read() -> None:
    source = with_report(document("a\n", "\n", "c\n"), IngestReport(1, 23, GAPS))
    receipt = coverage(source, 15_135, 15_135)
    assert receipt == Coverage(15_135, 15_135, 23, (2, 5), 1, (("tool.bin", "binary data"),))
    assert receipt.sentence() == (
        "Read 21 of 23 pages, 15,135 of 15,135 tokens. Not read (no text on the page): p. 2, 5. 1 file not read."
    )
    assert receipt.as_json() == {
        "tokens": 15_135,
        "tokens_read": 15_135,
        "pages": 23,
        "pages_unread": [2, 5],
        "files": 1,
        "files_unread": [{"path": "tool.bin", "reason": "binary data"}],
    }


def test_a_text_has_no_pages_in_its_receipt() -> None:
    assert coverage(lines("a\n"), 7, 5).sentence() == "Read 5 of 7 tokens."


def test_a_long_list_of_unread_pages_is_cut_but_counted() -> None:
    sentence = Coverage(1, 1, 50, tuple(range(1, 31)), 1, ()).sentence()
    assert "20 of 50 pages" in sentence and sentence.endswith("11, 12 ….")


def citation(**changes: object) -> CitationRecord:
    values: dict[str, object] = {
        "number": 1, "path": "deed.pdf", "page": 4, "page_label": None, "line": None, "section": "2. Law", "quote": "q",
        "start": 0, "end": 1, "verified": True, "kind": "quote", "score": 1.0,
    }  # fmt: skip
    return CitationRecord(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (citation(), "p. 4, 2. Law"),
        (citation(page_label="4"), "p. 4, 2. Law"),
        (citation(page_label="iv"), "p. 4 (printed iv), 2. Law"),
        (citation(page=None, line=12, section=""), "line 12"),
        (citation(page=None), "2. Law"),  # a Word file has neither pages nor lines
        (citation(page=None, section=""), "deed.pdf"),
    ],
)
def test_a_place_is_told_as_it_is_printed(found: CitationRecord, words: str) -> None:
    assert place(found) == words


def test_among_several_files_a_place_names_its_own() -> None:
    assert place(citation(), files=2) == "deed.pdf, p. 4, 2. Law"
    assert place(citation(page=None, line=12, section="run", path="a/b.py"), files=3) == "a/b.py, line 12, run"
    assert place(citation(page=None, line=1, section="b.py", path="b.py"), files=3) == "b.py, line 1"


def test_the_outline_lists_sections_and_gaps() -> None:
    source = document("1. Fees\nThe fee.\n", "2. Law\nDelaware.\n", titles=("1. Fees", "2. Law"))
    source = with_report(source, IngestReport(1, 2, GAPS[:2], ("odd font",)))
    encoded = encode(source, tokenizer())
    text, data = outline(source, encoded), listing(source, encoded)
    for part in (
        "1. Fees",
        "p. 2",
        "not read: deed.pdf, page 2: no text layer",
        "not read: tool.bin: binary data",
        "warning: odd font",
    ):
        assert part in text
    assert [(item["title"], item["page"]) for item in data["sections"]] == [("1. Fees", 1), ("2. Law", 2)]
    assert sum(item["tokens"] for item in data["sections"]) == data["tokens"] == len(encoded.token_ids)
    assert (data["pages_unread"], data["files_unread"]) == ([2], [{"path": "tool.bin", "reason": "binary data"}])


def test_an_unknown_bot_is_refused_with_the_choices() -> None:
    assert profile_named("legal").name == "legal"
    with pytest.raises(UnknownBotError, match=r"no bot “x”.*choose one of: code, legal, support"):
        profile_named("x")
