"""The page's HTML: hostile text stays text, numbers of money stay numbers, the mark is exactly the quote."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant.reading import ReadState
from assistant.web import proof_views, views
from ingest import Document, IngestReport, Span
from storage import AnswerRecord, CitationRecord, Conversation, Message
from tests.fakes import document, lines

HOSTILE = "</mark></section><script>alert(1)</script><img src=x onerror=alert(1)>\"' onclick='x' &amp;"
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MARKUP = [
    "<script>alert(1)</script>",
    "![x](http://evil.example/x.png)",
    "[a](javascript:alert(1))",
    "<http://evil.example>",
    "[a]: http://evil.example\n\n[a]",
    "$5,000 and $6,000",
    "# Title\n\n* one\n+ two\n- three\n\n1. four\n2) five",
    "Title\n=====\n\nOther\n-----",
    "> quoted\n\n```\ncode\n```\n\n~~~\ncode\n~~~",
    "a\n\n    indented code with $5 and *stars*\n\n\ttab",
    "a | b\n--|--\n1 | 2",
    "**bold** _it_ __b__ ~~gone~~ `code` \\* back\\slash \\",
    "&lt;b&gt; &#60; &copy; AT&T",
    "***\n\n---\n\n___",
    "<!-- hidden --> <b",
]


class Reader(HTMLParser):
    """What a browser makes of a piece of HTML: its tags with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.marked = ""
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside |= tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "mark"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.marked += data if self._inside else ""

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def rendered(text: str) -> Reader:
    return Reader(MARKDOWN.render(views.plain(text)))


def words(text: str) -> list[str]:
    return text.replace("\u00a0", " ").split()


CITATION = CitationRecord(1, "deed.pdf", 1, None, None, "2. Law", "the law", 0, 7, True, "quote", 1.0)
RECORD = AnswerRecord(
    model="tiny", pattern="headers", level="balanced", impl="cpu", finish_reason="stop", supported=True, tokens=1200,
    tokens_read=1200, cached_tokens=1100, generated_tokens=5, pages=3, pages_unread=(2,), files=1, files_unread=(),
    parse_s=0.1, read_s=0.2, first_token_s=0.3, total_s=0.4, citations=(CITATION,),
)  # fmt: skip


def message(content: str = "said", *, record: AnswerRecord | None = RECORD, status: str = "complete") -> Message:
    return Message(7, "c", 1, 1, "assistant", content, status, datetime.now(UTC), record)


# -- words -------------------------------------------------------------------------


@pytest.mark.parametrize("text", MARKUP)
def test_no_markup_in_a_text_works_and_no_character_of_it_is_lost(text: str) -> None:
    shown = rendered(text)
    assert shown.names() <= {"p", "br"}
    assert words(shown.text) == words(text)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from(list("ab1 \n\t\\`*_{}[]()#+-.!|~>$=<>&;:/@'\"é")), max_size=40))
def test_any_text_survives_the_markdown_of_the_chat(text: str) -> None:
    shown = rendered(text)
    assert shown.names() <= {"p", "br"}
    assert words(shown.text) == words(text)


@pytest.mark.parametrize(
    "text", ["see http://evil.example/a", "www.evil.example", "mail me@evil.example", "ftp://evil.example"]
)
def test_a_bare_address_is_no_link(text: str) -> None:
    """Renderers of GitHub's Markdown link what looks like an address; a backslash inside keeps it from looking so."""
    assert not re.search(r"\w://|www\.|\w@\w", views.plain(text))
    assert words(rendered(text).text) == words(text)


# -- everything hostile --------------------------------------------------------------

SECTION = replace(CITATION, section=HOSTILE, quote=HOSTILE, page_label=HOSTILE, path=HOSTILE)
WHEN = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
TALK = Conversation('"><script>', "ann", "legal", HOSTILE, WHEN, WHEN, (), 1, False)
EVERYWHERE: dict[str, Callable[[], str]] = {
    "status": lambda: views.status(HOSTILE),
    "progress": lambda: views.progress(ReadState("reading", 1, 2, 3.0), HOSTILE),
    "conversation list": lambda: views.conversation_list([TALK], TALK.id),
    "sources": lambda: proof_views.sources(message(record=replace(RECORD, citations=(SECTION,)))),
    "page": lambda: proof_views.page_view(document(HOSTILE, name=HOSTILE, labels=(HOSTILE,)), 1),
    "marked page": lambda: proof_views.viewer(document(HOSTILE, name=HOSTILE), replace(CITATION, start=3, end=30)),
    "lines": lambda: proof_views.viewer(lines(HOSTILE + "\n", HOSTILE), replace(CITATION, start=3, end=30)),
    "answer": lambda: MARKDOWN.render(
        views.answer_text(message(HOSTILE, record=replace(RECORD, citations=(SECTION,), model=HOSTILE)))
    ),
    "question": lambda: MARKDOWN.render(
        views.chat([replace(message(HOSTILE, record=None), role="user")])[0]["content"]
    ),
}
TAGS = {"div", "span", "p", "progress", "nav", "button", "small", "b", "section", "header", "mark", "br"}


@pytest.mark.parametrize("view", EVERYWHERE.values(), ids=EVERYWHERE.keys())
def test_hostile_text_is_shown_as_text(view: Callable[[], str]) -> None:
    page = Reader(view())
    assert page.names() <= TAGS
    assert not [
        name for _, attributes in page.tags for name in attributes if name.startswith("on") or name in ("src", "href")
    ]
    assert "<script>alert(1)</script>" in page.text


# -- the chat ------------------------------------------------------------------------


def test_an_answer_shows_its_sources_and_its_receipt() -> None:
    text = views.answer_text(message("It is law."))
    assert "[1] p. 1, 2. Law" in text
    assert "Read 2 of 3 pages, 1,200 of 1,200 tokens." in text and "p. 2" in text
    assert "First word after 0.3 s; 1,100 tokens came from the cache. tiny, headers/balanced." in text
    assert "warn" not in text


def test_an_answer_without_proof_is_marked() -> None:
    text = views.answer_text(message(record=replace(RECORD, supported=False, citations=())))
    assert "No passage was found that proves this answer" in text and "Sources" not in text


def test_a_silent_answer_is_neither_marked_nor_sourced() -> None:
    text = views.answer_text(message(record=replace(RECORD, citations=())))
    assert "warn" not in text and "Sources" not in text


@pytest.mark.parametrize(("status", "words"), [("broken", "broke off"), ("stopped", "Stopped"), ("error", "failed")])
def test_an_answer_that_did_not_end_well_says_so(status: str, words: str) -> None:
    assert words in views.answer_text(message("half", record=None, status=status))
    assert "half" in views.answer_text(message("half", record=None, status=status))


@pytest.mark.parametrize(("finish", "words"), [("length", "length limit"), ("repeat", "repeated itself"), ("stop", "")])
def test_an_answer_cut_short_says_why(finish: str, words: str) -> None:
    text = views.receipt(replace(RECORD, finish_reason=finish))
    assert words in text and ("The answer" in text) == bool(words)


def test_sources_lead_to_their_message_and_number() -> None:
    two = replace(RECORD, citations=(CITATION, replace(CITATION, number=2, kind="evidence", quote="word " * 100)))
    page = Reader(proof_views.sources(message(record=two)))
    buttons = [attributes for tag, attributes in page.tags if tag == "button"]
    assert [(button["data-message"], button["data-number"]) for button in buttons] == [("7", "1"), ("7", "2")]
    assert "quoted literally" in page.text and "word …" in page.text and len(page.text) < 500
    assert "appear here" in proof_views.sources(None)
    assert "no proven source" in proof_views.sources(message(record=replace(RECORD, citations=())))


def test_the_chosen_conversation_is_marked() -> None:
    other = replace(TALK, id="x", title="Lease")
    page = Reader(views.conversation_list([TALK, other], "x"))
    assert [attributes["aria-current"] for tag, attributes in page.tags if tag == "button"] == ["false", "true"]
    assert "01 Mar 2026, 09:05 UTC" in page.text
    assert "No conversations" in views.conversation_list([], "")


def test_progress_counts_pages_then_tokens() -> None:
    assert "Opening a.pdf: 3 of 9<" in views.progress(ReadState("parsing", 3, 9, None), "a.pdf")
    reading = views.progress(ReadState("reading", 512, 2048, 7.4), "a.pdf")
    assert "512 of 2,048 tokens" in reading and "about 7 s left" in reading and 'value="25.0"' in reading
    assert "…" in views.progress(ReadState("parsing", 0, 0, None), "a.pdf")
    assert 'role="alert"' in views.status("x", "error") and views.status("") == ""


# -- the viewer ------------------------------------------------------------------------

DEED = document(
    "Page one & its <words>.\n", "Second page: the law\nof Delaware rules.\n", "The end.\n", labels=("i", "1", "3")
)


def cited(source: Document, quote: str) -> CitationRecord:
    start = source.text.index(quote)
    return replace(CITATION, start=start, end=start + len(quote))


@pytest.mark.parametrize("quote", ["Page one", "& its <words>", "<words>.", "the law\nof Delaware", "The end."])
def test_the_viewer_marks_exactly_the_quote_on_its_page(quote: str) -> None:
    page = Reader(proof_views.viewer(DEED, cited(DEED, quote)))
    assert page.marked == quote
    span = DEED.span_at(DEED.text.index(quote))
    assert DEED.text[span.start : span.end].strip() in page.text
    assert f"page {span.page} of 3" in page.text
    others = [DEED.text[other.start : other.end].strip() for other in DEED.spans if other is not span]
    assert not [text for text in others if text in page.text]


def test_a_quote_over_two_pages_is_marked_to_the_end_of_the_first() -> None:
    page = Reader(proof_views.viewer(DEED, cited(DEED, "Delaware rules.\nThe end")))
    assert page.marked.strip() == "Delaware rules." and "page 2" in page.text


@pytest.mark.parametrize(("page", "off"), [(1, [True, False]), (2, [False, False]), (3, [False, True])])
def test_pages_are_turned_up_to_the_ends(page: int, off: list[bool]) -> None:
    buttons = [attributes for tag, attributes in Reader(proof_views.page_view(DEED, page)).tags if tag == "button"]
    assert [button["data-page"] for button in buttons] == [str(page - 1), str(page + 1)]
    assert ["disabled" in button for button in buttons] == off


def test_a_printed_page_number_is_shown_where_it_differs() -> None:
    assert "printed i)" in proof_views.page_view(DEED, 1) and "printed 1)" in proof_views.page_view(DEED, 2)
    assert "printed" not in proof_views.page_view(DEED, 3)


@pytest.mark.parametrize("page", [0, 4, -1])
def test_there_is_no_page_beyond_the_ends(page: int) -> None:
    with pytest.raises(StopIteration):
        proof_views.page_view(DEED, page)


def test_a_file_without_pages_is_shown_by_its_lines() -> None:
    source = lines("".join(f"line {number} here\n" for number in range(1, 301)))
    page = Reader(proof_views.viewer(source, cited(source, "line 150 here\nline 151")))
    assert page.marked == "line 150 here\nline 151"
    assert "note.txt · line 150" in page.text
    assert f"line {150 - proof_views.AROUND} " in page.text and f"line {150 + proof_views.AROUND} " in page.text
    assert f"line {149 - proof_views.AROUND} " not in page.text and f"line {151 + proof_views.AROUND} " not in page.text
    assert not [tag for tag, _ in page.tags if tag == "button"]


def test_lines_of_another_file_are_not_shown() -> None:
    spans = (Span(0, 4, "a.txt", line=1), Span(4, 8, "b.txt", line=1), Span(8, 12, "b.txt", line=2))
    source = Document("2 files", "aaa\nbbb\nccc\n", (), spans, IngestReport(2, 0), "0")
    page = Reader(proof_views.viewer(source, replace(CITATION, start=8, end=11)))
    assert page.marked == "ccc" and "bbb" in page.text and "aaa" not in page.text


def test_over_several_files_pages_are_not_turned() -> None:
    spans = (Span(0, 4, "a.pdf", page=1), Span(4, 8, "b.pdf", page=1))
    source = Document("2 files", "aaa\nbbb\n", (), spans, IngestReport(2, 2), "0")
    page = Reader(proof_views.viewer(source, replace(CITATION, start=4, end=7)))
    assert page.marked == "bbb" and "b.pdf" in page.text and "button" not in page.names()
