"""PDFs made to hang, to blow up or to loop: they end with a part or with one sentence."""

from __future__ import annotations

import zlib

import pytest

from ingest.document import IngestError, LimitError, Limits
from tests.ingest_pdf_cases import PAGE, WORDS, build, plain, read, stream


def ends(data: bytes, seconds: float = 20) -> str:
    """The text, or the one sentence of the error."""
    try:
        return read(data, limits=Limits(parse_seconds=seconds, parse_memory_bytes=1_500_000_000)).text
    except IngestError as error:
        assert str(error).startswith("file.pdf ") and "\n" not in str(error)
        return str(error)


def test_the_plain_file_is_read() -> None:
    assert "The seller sells the goods" in ends(build(plain()))


def test_an_outline_that_loops_costs_only_the_bookmarks() -> None:
    root = b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>"
    entry = b"<</Title(A)/Parent 6 0 R/Next 7 0 R/First 7 0 R/Dest[3 0 R/Fit]>>"
    data = build(plain(o1=root, o6=b"<</First 7 0 R/Last 7 0 R/Count 9>>", o7=entry))
    assert "The seller sells" in ends(data)


def test_a_hundred_thousand_bookmarks_are_too_many() -> None:
    count = 100_000
    objects = plain(o1=b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>", o6=b"<</First 7 0 R/Last 7 0 R/Count 1>>")
    for number in range(7, 7 + count):
        objects[number] = b"<</Title(T%d)/Parent 6 0 R/Next %d 0 R/Dest[3 0 R/Fit]>>" % (number, number + 1)
    part = read(build(objects), limits=Limits(parse_seconds=60))
    assert "The seller sells" in part.text
    assert any("bookmarks" in warning for warning in part.warnings)


@pytest.mark.parametrize("kids", [b"[2 0 R]", b"[3 0 R 2 0 R]", b"[6 0 R]"])
def test_a_page_tree_that_loops_ends(kids: bytes) -> None:
    tree = b"<</Type/Pages/Kids%s/Count 1>>" % kids
    assert ends(build(plain(o2=tree, o6=b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 1>>")))


def test_a_form_that_draws_itself_ends() -> None:
    resources = b"/Resources<</XObject<</X 6 0 R>>/Font<</F 5 0 R>>>>"
    form = stream(b"/X Do /X Do " + WORDS, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]" + resources)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R" + resources + b">>"
    assert ends(build(plain(o3=page, o4=stream(b"/X Do"), o6=form)))


def test_forms_that_multiply_end() -> None:
    objects = plain()
    for level in range(6, 26):  # two to the twentieth times the words
        inner = b"/Resources<</XObject<</X %d 0 R>>/Font<</F 5 0 R>>>>" % (level + 1)
        content = WORDS if level == 25 else b"/X Do /X Do"
        objects[level] = stream(content, b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]" + inner)
    objects[3] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</X 6 0 R>>>>>>"
    objects[4] = stream(b"/X Do")
    assert ends(build(objects), seconds=5)


def test_a_stream_that_inflates_without_end_is_refused_or_reported() -> None:
    bomb = zlib.compress(b" " * 300_000_000, 9)
    objects = plain(o4=stream(bomb, b"/Filter/FlateDecode"))
    try:
        part = read(build(objects), limits=Limits(parse_seconds=30))
    except IngestError as error:
        assert str(error).startswith("file.pdf ")
    else:
        assert part.unread or not part.text.strip()


def test_a_page_with_more_text_than_wanted_is_refused() -> None:
    rows = b"BT /F 1 Tf 1 1 Td " + b"0 1 Td (aaaa bbbb cccc dddd) Tj " * 2_000 + b"ET"
    with pytest.raises(LimitError):
        read(build(plain(o4=stream(rows))), limits=Limits(max_chars=10_000, parse_seconds=30))


@pytest.mark.parametrize("box", [b"[0 0 2000000000 2000000000]", b"[0 0 0 0]", b"[5 5 1 1]", b"[0 0 1e30 1e30]"])
def test_odd_page_sizes_do_not_matter(box: bytes) -> None:
    assert "The seller sells" in ends(build(plain(o3=PAGE.replace(b"[0 0 595 842]", box))))


def test_numbers_out_of_range_do_not_matter() -> None:
    content = b"BT /F 1e30 Tf 1e30 0 0 1e30 1e30 1e30 Tm (far away) Tj ET " + WORDS
    assert "The seller sells" in ends(build(plain(o4=stream(content))))


def test_fields_whose_parents_loop_end() -> None:
    widget = b"<</Subtype/Widget/FT/Tx/T(a)/Parent 6 0 R/Rect[0 0 9 9]>>"
    page = PAGE.replace(b"/Contents", b"/Annots[6 0 R 6 0 R]/Contents")
    assert '[Form field "a": empty]' in ends(build(plain(o3=page, o6=widget)))
