"""Properties every Document and Encoded has, whatever the text."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Document, Encoded, IngestReport, Limits, Section, Span, encode, load
from ingest.document import EmptyFileError
from ingest.encode import Offsets

PIECES = st.sampled_from(
    [
        "ARTICLE I", "ARTICLE II", "Article 1.", "Section 1.1", "Section 2", "1.", "1.1", "1.2 ", "2.",
        "2.1", "3", "(a)",
        "(b) ", "(i)", "(ii)", "(A)", "I. ", "II. ", "A. ", "B. ", "EXHIBIT A", "SCHEDULE 1", "RECITALS",
        "WHEREAS, ", "# ",
        "## ", "---", "===", "```", "DEFINITIONS", "Term.", "Payment Terms", "“Day” means", " of this",
        "the seller shall",
        "\n", "\n", "\n\n", "\r\n", "\t", " ", "….... 12", "é", "\U0001f600", "\x0c", "\x00", "\ud800",
        "[ * * * ]", "IN WITNESS WHEREOF",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=200))
SUFFIXES = st.sampled_from([".txt", ".md", ".py"])


def words(text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
    """A fake tokenizer: words, single marks and single white space, so that every character has one token."""
    spans = [match.span() for match in re.finditer(r"\w+|\W", text)]
    return list(range(len(spans))), spans


def read(text: str, suffix: str = ".txt", count: int = 1) -> Document | None:
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"{letter}{suffix}") for letter in string.ascii_lowercase[:count]]
        for path in paths:
            path.write_bytes(
                ("plain words to start with, so that this is text " * 40 + "\n" + text).encode("utf-8", "replace")
            )
        try:
            return load(paths)
        except EmptyFileError:
            return None


def check(document: Document) -> None:
    assert "".join(document.text[span.start : span.end] for span in document.spans) == document.text
    place = 0
    for span in document.spans:
        assert span.start == place < span.end
        place = span.end
    assert place == len(document.text)
    stack: list[Section] = []
    last = -1
    for section in document.sections:
        assert last < section.start <= section.header_start < section.header_end <= section.end <= len(document.text)
        assert section.title and len(section.title) <= 120 and "\n" not in section.title
        last = section.start
        while stack and stack[-1].end <= section.start:
            stack.pop()
        assert section.level == len(stack) + 1, "a level is the depth in the tree"
        assert not stack or section.end <= stack[-1].end
        stack.append(section)


@settings(max_examples=30, deadline=None)
@given(TEXTS, SUFFIXES, st.integers(1, 3))
def test_spans_tile_and_sections_nest(text: str, suffix: str, count: int) -> None:
    document = read(text, suffix, count)
    assert document is not None
    check(document)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", document.text)


@settings(max_examples=20, deadline=None)
@given(TEXTS, SUFFIXES)
def test_every_offset_has_its_span_line_and_sections(text: str, suffix: str) -> None:
    document = read(text, suffix)
    assert document is not None
    for offset in range(len(document.text)):
        span = document.span_at(offset)
        assert span.start <= offset < span.end
        assert span.line and document.line_of(offset) == span.line + document.text.count("\n", span.start, offset)
        path = document.section_path(offset)
        assert list(path) == [section for section in document.sections if section.start <= offset < section.end]
        assert document.section_at(offset) == (path[-1] if path else None)
    for outside in (-1, len(document.text)):
        with pytest.raises(IndexError):
            document.span_at(outside)


@settings(max_examples=20, deadline=None)
@given(TEXTS, SUFFIXES, st.integers(0, 6))
def test_anchors_lie_on_headers_and_offsets_round_trip(text: str, suffix: str, anchor_tokens: int) -> None:
    document = read(text, suffix, 2)
    assert document is not None
    encoded = encode(document, words, anchor_tokens=anchor_tokens)
    assert list(encoded.anchors) == sorted(set(encoded.anchors))
    headers = [(section.header_start, section.header_end) for section in document.sections]
    for anchor in encoded.anchors:
        start, end = encoded.offsets[anchor]
        assert any(start < header_end and end > header for header, header_end in headers)
    for section in document.sections:
        first = encoded.token_at(section.header_start)
        inside = [anchor for anchor in encoded.anchors if encoded.offsets[anchor][0] < section.header_end]
        assert anchor_tokens == 0 or first in inside
    for index, (start, end) in enumerate(encoded.offsets):
        assert encoded.token_at(start) == index
        assert encoded.char_range(index, index + 1) == (start, end)
    assert encoded.char_range(0, len(encoded.token_ids)) == (0, len(document.text))
    top = [section for section in document.sections if section.level == 1]
    assert sum(encoded.section_tokens(section) for section in top) <= len(encoded.token_ids)


def test_anchors_of_a_definition_lie_on_its_signature_and_not_on_what_stands_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("# why it is there\n@cache\n@other(one, two)\ndef answer(question):\n    return 42\n")
    document = load([path])
    encoded = encode(document, words, anchor_tokens=3)
    (section,) = document.sections
    assert section.start == 0 and document.text.startswith("def answer", section.header_start)
    anchored = [document.text[slice(*encoded.offsets[anchor])] for anchor in encoded.anchors]
    assert anchored == ["def", " ", "answer"]


def document_of(text: str, *sections: Section) -> Document:
    return Document("d", text, sections, (Span(0, len(text), "d"),), IngestReport(1, 0), "")


def test_anchors_are_the_first_tokens_of_the_header() -> None:
    document = document_of("x ARTICLE I TERM AND END y", Section("ARTICLE I TERM AND END", 1, 2, 26, 24, "article"))
    anchors = encode(document, words, anchor_tokens=3).anchors
    encoded = encode(document, words, anchor_tokens=99)
    assert anchors == encoded.anchors[:3]
    assert encoded.char_range(encoded.anchors[0], encoded.anchors[-1] + 1) == (2, 24)
    assert encoded.section_tokens(document.sections[0]) == 11


def test_tokens_that_share_a_character_are_all_found() -> None:
    # Byte-level tokenizers split one character into several tokens with the same offsets.
    encoded = Encoded((1, 2, 3, 4), (), Offsets([(0, 1), (1, 2), (1, 2), (3, 4)]))
    assert [encoded.token_at(offset) for offset in range(5)] == [0, 1, 3, 3, 4]
    assert encoded.char_range(1, 3) == (1, 2)
    assert encoded.char_range(2, 2) == (2, 2)
    with pytest.raises(IndexError):
        encoded.char_range(3, 5)


@pytest.mark.parametrize("offsets", [[(0, 1)], [(0, 1), (0, 0)], [(0, 1), (1, 99)], [(1, 2), (0, 2)], [(1, 0), (1, 1)]])
def test_wrong_offsets_are_refused(offsets: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"token|offsets"):
        encode(document_of("ab"), lambda text: ([7, 8], offsets))


def test_negative_anchor_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="anchor_tokens"):
        encode(document_of("ab"), words, anchor_tokens=-1)


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_pages"):
        Limits(max_pages=0)
