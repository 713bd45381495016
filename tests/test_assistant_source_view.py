"""The source viewer's HTML: the mark is exactly the quote, hostile text stays text, places lead where they say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from assistant.web import source_view
from assistant.web.outline_view import ROWS, outline
from assistant.web.proof_column import spot_of
from assistant.web.source_view import IMAGE, TEXT, Spot, picture_sheet, text_sheet
from ingest import Document, IngestReport, Section, Span
from ingest.pdf.picture import PagePicture
from storage.records import SectionEvidence
from tests.fakes import document, lines

HOSTILE = "</mark></section><script>alert(1)</script><img src=x onerror=alert(1)>\"' onclick='x' &amp;"
PICTURE = PagePicture(b"\x89PNG", 100, 200, ((0.1, 0.2, 0.5, 0.25), (0.1, 0.3, 0.4, 0.35)))


class Reader(HTMLParser):
    """What a browser makes of a piece of HTML: its tags with attributes, its text, the marked text."""

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

    def buttons(self, css: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "button" and css in (attributes["class"] or "")]


DEED = document(
    "Page one & its <words>.\n", "Second page: the law\nof Delaware rules.\n", "The end.\n", labels=("i", "1", "3")
)


def leads_to(button: dict[str, str | None]) -> Spot:
    """What the page asks for when this button is pressed."""
    return spot_of({name.removeprefix("data-"): value for name, value in button.items()})


def cited(source: Document, quote: str, mode: str = TEXT) -> Spot:
    start = source.text.index(quote)
    return Spot(start, start, start + len(quote), mode)


@pytest.mark.parametrize("quote", ["Page one", "& its <words>", "<words>.", "the law\nof Delaware", "The end."])
def test_the_text_marks_exactly_the_quote_on_its_page(quote: str) -> None:
    page = Reader(text_sheet(DEED, cited(DEED, quote)))
    assert page.marked == quote
    span = DEED.span_at(DEED.text.index(quote))
    assert DEED.text[span.start : span.end].strip() in page.text
    assert f"p. {span.page} of 3" in page.text
    others = [DEED.text[other.start : other.end].strip() for other in DEED.spans if other is not span]
    assert not [text for text in others if text in page.text]


def test_a_quote_over_two_pages_is_marked_to_the_end_of_the_first() -> None:
    page = Reader(text_sheet(DEED, cited(DEED, "Delaware rules.\nThe end")))
    assert page.marked.strip() == "Delaware rules."
    assert "p. 2 of 3" in page.text


@pytest.mark.parametrize(("number", "off"), [(1, [True, False]), (2, [False, False]), (3, [False, True])])
def test_pages_are_turned_up_to_the_ends(number: int, off: list[bool]) -> None:
    spot = Spot(DEED.spans[number - 1].start, 3, 9)
    buttons = Reader(picture_sheet(DEED, spot, PICTURE)).buttons("turn")
    turns = [each for each in buttons if "data-at" in each]
    assert ["disabled" in each for each in turns] == off
    for each, step in zip(turns, (-1, 1), strict=True):
        to = DEED.spans[min(max(number - 1 + step, 0), 2)]
        assert leads_to(each) == Spot(to.start, 3, 9, IMAGE), "the mark stays, for the way back"


def test_a_printed_page_number_is_shown_where_it_differs() -> None:
    told = [Reader(text_sheet(DEED, Spot(span.start))).text for span in DEED.spans]
    assert ["printed" in each for each in told] == [True, True, False]


def test_boxes_stand_where_the_quote_does_and_are_read_out() -> None:
    page = Reader(picture_sheet(DEED, cited(DEED, "the law\nof Delaware", IMAGE), PICTURE))
    styles = [str(attributes["style"]) for tag, attributes in page.tags if tag == "i"]
    assert styles[0] == "left:10.000%;top:20.000%;width:40.000%;height:5.000%"
    assert len(styles) == 2
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["src"] == "data:image/png;base64,iVBORw=="
    assert image["alt"] == "Page 2. Boxed: the law of Delaware"
    assert [each["aria-pressed"] for each in page.buttons("mode")] == ["true", "false"]


def test_a_file_without_pages_is_shown_by_its_numbered_lines() -> None:
    source = lines("".join(f"line {number} here\n" for number in range(1, 801)))
    page = Reader(text_sheet(source, cited(source, "line 350 here\nline 351")))
    assert page.marked == "line 350 hereline 351", "a mark for each line"
    assert "note.txt · line 350" in page.text
    around = source_view.AROUND
    assert f"line {350 - around} " in page.text
    assert f"line {349 - around} " not in page.text
    assert [each["class"] for tag, each in page.tags if tag == "li" and "class" in each] == ["cited", "cited"]
    earlier, later = (leads_to(each) for each in page.buttons("more"))
    assert "line 190 " in Reader(text_sheet(source, earlier)).text
    assert "line 505 " in Reader(text_sheet(source, later)).text


def test_code_is_shown_as_code_and_never_runs_over_into_another_file() -> None:
    text = "def one():\n    return 1\nx = 2\n"
    cut = text.index("x = 2")
    spans = (Span(0, cut, "a.py", line=1), Span(cut, len(text), "b.txt", line=1))
    source = Document("repo", text, (), spans, IngestReport(2, 0), "0" * 64)
    page = text_sheet(source, cited(source, "return 1"))
    assert "lines code" in page
    assert "x = 2" not in page
    assert "lines code" not in text_sheet(source, cited(source, "x = 2"))


@pytest.mark.parametrize("mode", [IMAGE, TEXT])
def test_hostile_names_headers_and_words_are_shown_as_text(mode: str) -> None:
    paged = document(HOSTILE + "\n", "Next.\n", name=HOSTILE, labels=(HOSTILE, "2"), titles=(HOSTILE,))
    sheets = [
        picture_sheet(paged, Spot(0, 3, 30), PICTURE, HOSTILE)
        if mode == IMAGE
        else text_sheet(paged, Spot(0, 3, 30, TEXT)),
        text_sheet(lines(HOSTILE + "\n", HOSTILE), Spot(0, 3, 30, TEXT), HOSTILE),
        outline(paged, [SectionEvidence(0, 0.5)], 0),
    ]
    for sheet in sheets:
        page = Reader(sheet)
        assert "script" not in {tag for tag, _ in page.tags}
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
        assert all(str(source).startswith("data:image/png;base64,") for source in sources)
        assert "<script>alert(1)</script>" in page.text


def test_a_button_asks_for_what_a_button_may() -> None:
    assert spot_of({"at": "5", "low": "1", "high": "3", "mode": "text"}) == Spot(5, 1, 3, TEXT)
    assert spot_of({"at": "5", "mode": "../../etc"}).mode == IMAGE
    for wrong in ({}, {"at": "x"}, {"at": None}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            spot_of(wrong)


# -- the outline -----------------------------------------------------------------------


def nested(parts: int, each: int) -> Document:
    """`parts` sections with `each` subsections, twenty characters every one."""
    total = parts * (each + 1) * 20
    sections: list[Section] = []
    for part in range(parts):
        start = part * (each + 1) * 20
        end = start + (each + 1) * 20
        sections.append(Section(f"Part {part}", 1, start, end, start + 6, "numbered"))
        for sub in range(1, each + 1):
            at = start + sub * 20
            sections.append(Section(f"Clause {part}.{sub}", 2, at, at + 20, at + 9, "numbered"))
    return Document("d", "x" * total, tuple(sections), (Span(0, total, "d", page=1),), IngestReport(1, 1), "0" * 64)


def heats(html: str) -> dict[str, list[str]]:
    """The percentages of each row, own and with what is below, by title."""
    rows = re.findall(r'class="section[^>]*><span>([^<]*)</span>(.*?)</button>', html)
    return {title: re.findall(r"<em>([^<]*)</em>", rest) for title, rest in rows}


def test_a_folded_section_shows_the_heat_of_all_that_is_in_it() -> None:
    source = nested(3, 4)
    html = outline(source, [SectionEvidence(-1, 0.05), SectionEvidence(0, 0.1), SectionEvidence(2, 0.4)], 0)
    assert heats(html)["Part 0"] == ["10%", "50%"]
    assert heats(html)["Clause 0.2"] == ["40%", "40%"]
    assert heats(html)["Part 2"] == []
    assert "5.0% fell on the words before the first header" in html
    assert html.count("class=folded") == 2, "where it looked is open"
    assert 'aria-label="Clause 0.2, page 1: 40% of the attention"' in html


def test_a_huge_outline_shows_the_hot_places_with_all_around_them_and_stays_small() -> None:
    source = nested(300, 100)
    deep = 250 * 101 + 77
    html = outline(source, [SectionEvidence(deep, 0.9)], 0)
    assert len(heats(html)) <= ROWS + 101
    assert "Clause 250.77" in html
    assert "Part 250" in html
    assert "more sections are folded away" in html
    assert len(html) < 400_000


def test_an_answer_without_kept_evidence_or_a_document_without_headers_says_so() -> None:
    assert "not kept with this answer" in outline(nested(1, 1), [])
    assert "no headers" in outline(lines("word\n"), [])


def test_evidence_of_another_parse_does_no_harm() -> None:
    assert "Part 0" in outline(nested(1, 1), [SectionEvidence(99, 0.5), SectionEvidence(-7, 0.5)], 10**9)
