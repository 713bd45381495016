"""The page's HTML: hostile text stays text, money stays money, and all that was said is there with its deeds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.meter import Meter
from assistant.profiles import Profile
from assistant.reading import ReadState
from assistant.web import list_view, proof_views, reading_view, start_view, views
from assistant.web.header_view import Link, header
from assistant.web.meter_view import meter
from assistant.web.prose import prose
from assistant.web.receipt_view import receipt
from assistant.web.transcript_view import Talk, growing, transcript
from assistant.web.versions import Version, versions_of
from sparse_backend.estimate import Estimate
from storage import AnswerRecord, CitationRecord, Conversation, DocumentRecord, Message
from storage.records import Branch, Hit
from storage.records_support import Feedback

HOSTILE = "</mark></section><script>alert(1)</script><img src=x onerror=alert(1)>\"' onclick='x' &amp;"
WHEN = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)


class Reader(HTMLParser):
    """What a browser makes of a piece of HTML: its tags with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [each for name, each in self.tags if name == tag and wanted.items() <= each.items()]


CITATION = CitationRecord(1, "deed.pdf", 1, None, None, "2. Law", "the law", 0, 7, True, "quote", 1.0)
RECORD = AnswerRecord(
    model="tiny", pattern="headers", level="balanced", impl="cpu", finish_reason="stop", supported=True, tokens=1200,
    tokens_read=1200, cached_tokens=1100, generated_tokens=5, pages=3, pages_unread=(2,), files=1, files_unread=(),
    parse_s=0.1, read_s=0.2, first_token_s=0.3, total_s=0.4, citations=(CITATION,),
)  # fmt: skip
BOT = Profile("legal", "Reader", "system", "", "Not stated.", "Hello.", ("What law?",))
ASKED = Message(6, "c", 0, 1, "user", "What law?", "complete", WHEN, None, author="ann")


def message(content: str = "said", *, record: AnswerRecord | None = RECORD, status: str = "complete") -> Message:
    return Message(7, "c", 1, 1, "assistant", content, status, WHEN, record, parent=0)


def shown(answer: Message, **changes: Any) -> str:
    return transcript(Talk("ann", BOT, (ASKED, answer), **changes))


# -- words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[***] and [***] are blacked out, $5,000 and $6,000",
        "1) one\n2) two\n\n5. Governing Law.",
        "# Title\n\n    indented *stars* _it_ __init__ a_b_c",
        "![x](http://evil.example/x.png) [a](javascript:alert(1)) <http://evil.example> www.evil.example",
        "a | b\n--|--\n1 | 2\n***\n---\n&lt;b&gt; &copy; AT&T \\* back\\slash",
    ],
)
def test_what_is_no_markup_of_ours_stays_as_it_is_written(text: str) -> None:
    page = Reader(prose(text))
    assert page.names() <= {"p"} and "".join(page.text.split()) == "".join(text.split())


def test_quotes_lists_code_and_bold_words_are_drawn() -> None:
    html = prose("**Fee:** see `pay()`.\n> quoted\n> twice\n- one\n- two\n```py\nx = '<b>'\n```\nend")
    assert "<strong>Fee:</strong>" in html and "<code>pay()</code>" in html
    assert "<blockquote>quoted\ntwice</blockquote>" in html and "<ul><li>one</li><li>two</li></ul>" in html
    assert '<pre tabindex="0"><code>x = &#x27;&lt;b&gt;&#x27;</code></pre>' in html and html.endswith("<p>end</p>")


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from(list("ab1 \n\t\\`*_{}[]()#+-.!|~>$=<>&;:/@'\"é\ue000\ue001")), max_size=40))
def test_any_text_stays_text(text: str) -> None:
    page = Reader(prose(text))
    assert page.names() <= {"p", "blockquote", "ul", "li", "code", "pre", "strong"}
    marks = r"[\s`*>\-\ue000\ue001]"
    assert re.sub(marks, "", page.text) == re.sub(marks, "", text)


def test_numbers_stand_where_they_belong() -> None:
    html = prose("Yes. \ue0009\ue001No.", {1: "<i>1</i>", 2: "<i>2</i>"}, ((4, 1), (len("Yes. \ue0009\ue001No."), 2)))
    assert html == "<p>Yes.<i>1</i>  9 No.<i>2</i></p>"


# -- everything hostile --------------------------------------------------------------

SECTION = replace(CITATION, section=HOSTILE, quote=HOSTILE, page_label=HOSTILE, path=HOSTILE)
TALK = Conversation('"><script>', "ann", "legal", HOSTILE, WHEN, WHEN, ("d",), 1, False)
EVIL = replace(BOT, name=HOSTILE, title=HOSTILE, greeting=HOSTILE, examples=(HOSTILE,))
PAPER = DocumentRecord("d", HOSTILE, "p", "text/plain", 1, 0, 1, WHEN)
LINE = reading_view.Line(HOSTILE, HOSTILE, ReadState("reading", 1, 2, 3.0))
EVERYWHERE: dict[str, Callable[[], str]] = {
    "status": lambda: views.status(HOSTILE, undo=HOSTILE),
    "heading": lambda: views.heading(TALK, EVIL, [HOSTILE]),
    "header": lambda: header([Link(HOSTILE, "/inbox"), Link(HOSTILE)]),
    "list": lambda: list_view.conversation_list(list_view.Listed([TALK], "", {"d": HOSTILE}), WHEN),
    "found": lambda: list_view.found_list(HOSTILE, [Hit("message", HOSTILE, HOSTILE, WHEN)], UTC, more=False),
    "nothing found": lambda: list_view.found_list(HOSTILE, [], UTC, more=False),
    "start": lambda: start_view.start([EVIL], EVIL, [PAPER]),
    "begun": lambda: start_view.begun(EVIL, [HOSTILE]),
    "reading": lambda: reading_view.readings([LINE]),
    "reading done": lambda: reading_view.readings(
        [replace(LINE, note=HOSTILE, conversation="c", left_out=[(HOSTILE,) * 2])]
    ),
    "reading failed": lambda: reading_view.readings([replace(LINE, error=HOSTILE)]),
    "reading asks": lambda: reading_view.readings([replace(LINE, asking=True, cost=Estimate(99, 10**9, 8192))]),
    "sources": lambda: proof_views.sources(message(record=replace(RECORD, citations=(SECTION,)))),
    "growing": lambda: growing(EVIL, HOSTILE) + growing(EVIL, "", HOSTILE),
    "answer": lambda: shown(message(HOSTILE, record=replace(RECORD, citations=(SECTION,), model=HOSTILE))),
    "question": lambda: transcript(Talk("ann", EVIL, (replace(ASKED, content=HOSTILE),))),
    "person": lambda: transcript(Talk("ann", BOT, (replace(ASKED, role="agent", author=HOSTILE),))),
}
TAGS = {
    "div",
    "span",
    "p",
    "progress",
    "nav",
    "button",
    "small",
    "b",
    "q",
    "br",
    "a",
    "h1",
    "h2",
    "ul",
    "li",
    "i",
    "mark",
}
TAGS |= {
    "form",
    "input",
    "textarea",
    "section",
    "article",
    "header",
    "footer",
    "svg",
    "path",
    "strong",
    "dl",
    "dt",
    "dd",
}
TAGS |= {"details", "summary", "table", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("view", EVERYWHERE.values(), ids=EVERYWHERE.keys())
def test_hostile_text_is_shown_as_text(view: Callable[[], str]) -> None:
    page = Reader(view())
    assert page.names() <= TAGS
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "src"]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert all(link and re.fullmatch(r"#source-\d+-\d+|/inbox", link) for link in links)
    assert "alert(1)" in page.text and "<" in page.text


@pytest.mark.parametrize("view", EVERYWHERE.values(), ids=EVERYWHERE.keys())
def test_every_control_has_a_name(view: Callable[[], str]) -> None:
    html = view()
    for attributes, inner in re.findall(r"<button([^>]*)>(.*?)</button>", html, re.DOTALL):
        assert "aria-label=" in attributes or re.sub(r"<[^>]+>", "", inner).strip()
    assert all("aria-label" in each for each in Reader(html).all("input") + Reader(html).all("textarea"))


# -- what was said -------------------------------------------------------------------


def test_an_answer_shows_its_sources_and_its_receipt() -> None:
    page = Reader(shown(message("It is the law.")))
    assert [each["data-message"] for each in page.all("button", **{"data-do": "cite"})] == ["7", "7"]
    assert "p. 1, 2. Law" in page.text
    assert "Read 2 of 3 pages, 1,200 of 1,200 tokens." in page.text and "p. 2" in page.text
    assert "First word after 0.3 s; 1,100 tokens came from the cache. tiny, headers/balanced." in page.text
    assert not page.all("p", **{"class": "warn"})


def test_an_answer_without_proof_is_marked() -> None:
    assert "No passage was found that proves this answer" in shown(message(record=replace(RECORD, supported=False)))
    assert "warn" not in shown(message(record=replace(RECORD, citations=())))


@pytest.mark.parametrize(("status", "words"), [("broken", "broke off"), ("stopped", "Stopped"), ("error", "failed")])
def test_an_answer_that_did_not_end_well_says_so_and_offers_another(status: str, words: str) -> None:
    page = Reader(shown(message("half", record=None, status=status)))
    assert words in page.text and "half" in page.text and "Retry" in page.text
    assert page.all("button", **{"data-do": "retry", "data-seq": "0"})
    assert not Reader(shown(message("half", record=None, status=status), settled=False)).all(
        "button", **{"data-do": "retry"}
    )


@pytest.mark.parametrize(("finish", "words"), [("length", "length limit"), ("repeat", "repeated itself"), ("stop", "")])
def test_an_answer_cut_short_says_why(finish: str, words: str) -> None:
    text = receipt(replace(RECORD, finish_reason=finish))
    assert words in text and ("The answer" in text) == bool(words)


def test_only_own_questions_are_edited() -> None:
    assert "Edit this question" in shown(message()) and "Edit this question" not in shown(message(), settled=False)
    assert "Edit this question" not in transcript(Talk("eve", BOT, (ASKED, message())))


def test_a_thumb_is_pressed_and_asks_for_its_reason() -> None:
    given = {1: Feedback("c", 1, "ann", -1, "", WHEN)}
    page = Reader(shown(message(), feedback=given, asking=1))
    pressed = {each["aria-label"]: each["aria-pressed"] for each in page.all("button", **{"data-do": "rate"})}
    assert pressed == {"Good answer": "false", "Bad answer": "true"}
    assert {each["data-text"] for each in page.all("button", **{"data-do": "reason"})} >= {"Wrong", "Incomplete"}
    assert "What was wrong?" not in shown(message(), feedback=given)


def test_versions_are_turned_like_pages() -> None:
    page = Reader(shown(message(), versions={0: Version(1, (0, 3, 5))}))
    turns = {each["aria-label"]: each["data-branch"] for each in page.all("button", **{"data-do": "version"})}
    assert turns == {"Previous version": "0", "Next version": "5"} and "2/3" in page.text


def test_other_wordings_of_a_message_are_found_over_nested_branches() -> None:
    """0 ─ 1 ─ 2 ─ 3; 2 edited into 4 (branch 1), 4 edited into 6 (branch 2), 0 edited into 8 (branch 3)."""
    branches = [
        Branch(0, None, 0, 4, False, 0),
        Branch(1, 0, 2, 2, False, 4),
        Branch(2, 1, 4, 2, True, 6),
        Branch(3, 0, 0, 1, False, 8),
    ]
    path = [replace(ASKED, seq=seq, branch=branch) for seq, branch in ((0, 0), (1, 0), (6, 2), (7, 2))]
    assert versions_of(path, branches) == {0: Version(0, (0, 3)), 6: Version(2, (0, 1, 2))}
    first = [replace(ASKED, seq=seq) for seq in range(4)]
    assert versions_of(first, branches)[2] == Version(0, (0, 1, 2))
    assert versions_of(first, branches[:1]) == {}


# -- the rest of the page --------------------------------------------------------------


def test_sources_lead_to_their_message_and_number() -> None:
    two = replace(RECORD, citations=(CITATION, replace(CITATION, number=2, kind="evidence", quote="word " * 100)))
    page = Reader(proof_views.sources(message(record=two)))
    buttons = page.all("button")
    assert [(button["data-message"], button["data-number"]) for button in buttons] == [("7", "1"), ("7", "2")]
    assert "quoted literally" in page.text and "word …" in page.text and len(page.text) < 500
    assert "appear here" in proof_views.sources(None)
    assert "no proven source" in proof_views.sources(message(record=replace(RECORD, citations=())))


def test_progress_counts_pages_then_tokens() -> None:
    assert "<b>a.pdf</b>: 3 of 9<" in reading_view.progress(ReadState("parsing", 3, 9, None), "a.pdf")
    reading = reading_view.progress(ReadState("reading", 512, 2048, 7.4, rate=207.6), "a.pdf")
    assert "512 of 2,048 tokens · 208 tokens/s · about 7 s left" in reading and 'value="25.0"' in reading
    assert "…" in reading_view.progress(ReadState("parsing", 0, 0, None), "a.pdf")
    assert "about 5 minutes and 2,000 MB" in reading_view.cost_of(Estimate(300, 2 * 10**9, 8192))
    assert 'role="alert"' in views.status("x", "error") and views.status("") == ""


def test_what_was_not_read_is_named_to_the_last() -> None:
    html = reading_view.left_out([(f"{n}.bin", "binary") for n in range(30)])
    assert "What was not read (30)" in html and "19.bin" in html and "and 10 more" in html
    assert reading_view.left_out([]) == ""


def test_the_meter_says_how_much_room_is_left() -> None:
    room = Meter(100, 5000, 300, 20, 200, 8192, beyond=True)
    assert "2,572 left" in meter(room) and "width:61.04%" in meter(room)
    assert "System 100 tokens, Documents 5,000 tokens, History 300 tokens" in meter(room)
    assert "answers look at a selection" in meter(replace(room, documents=9000))
    assert "no room left" in meter(replace(room, documents=9000, beyond=False)) and meter(None) == ""
