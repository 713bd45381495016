"""A page as a picture: the quote's boxes lie on its letters, over lines, turned pages and broken words."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest import IngestError, Limits
from ingest.document import BrokenFileError, EncryptedFileError, MissingFileError
from ingest.pdf.boxes import count_before, find_quote, folded, joined
from ingest.pdf.picture import PagePicture, page_picture
from tests.ingest_pdf_cases import TOP, drawn, write

WIDTH, HEIGHT = A4


def picture(data: bytes, page: int = 1, quote: str = "", **more: object) -> PagePicture:
    return page_picture(data, "deed.pdf", page, limits=Limits(), quote=quote, **more)  # type: ignore[arg-type]


def ink(shot: PagePicture, box: tuple[float, float, float, float]) -> float:
    """The share of dark pixels inside a box."""
    image = Image.open(io.BytesIO(shot.png)).convert("L")
    left, top, right, bottom = box
    cut = image.crop(
        (int(left * shot.width), int(top * shot.height), int(right * shot.width), int(bottom * shot.height))
    )
    return sum(cut.histogram()[:128]) / (cut.width * cut.height)


def one_page(*rows: str, x: float = 100, y: float = 200) -> bytes:
    return drawn(lambda canvas: write(canvas, x, y, *rows, size=12))


def test_the_box_lies_on_the_quote_and_nowhere_else() -> None:
    shot = picture(
        one_page("Either party may leave.", "Notice of ninety days is due.", "Fees stay due."), quote="ninety days"
    )
    ((left, top, right, bottom),) = shot.boxes
    base = 200 + 1.3 * 12  # of the second row, in points from the top
    assert top * HEIGHT < base - 6 < base < bottom * HEIGHT + 4
    assert bottom * HEIGHT - top * HEIGHT < 20
    canvas = Canvas(io.BytesIO())
    start = 100 + canvas.stringWidth("Notice of ", "Times-Roman", 12)
    end = start + canvas.stringWidth("ninety days", "Times-Roman", 12)
    assert left * WIDTH == pytest.approx(start, abs=2)
    assert right * WIDTH == pytest.approx(end, abs=2)
    assert ink(shot, shot.boxes[0]) > 0.05


def test_a_quote_over_lines_has_a_box_for_each_line() -> None:
    shot = picture(
        one_page("The yearly fee is", "one hundred thousand", "dollars."), quote="fee is one hundred thousand dollars"
    )
    assert len(shot.boxes) == 3
    assert all(ink(shot, box) > 0.03 for box in shot.boxes)


def test_broken_words_ligatures_and_case_do_not_hide_a_quote() -> None:
    page = one_page("This is conﬁdential inform-", "ation of the PARTIES.")
    assert len(picture(page, quote="confidential information of the Parties").boxes) == 2


def test_the_second_place_is_boxed_where_the_second_is_meant() -> None:
    page = one_page("The Term ends.", "Then the Term ends again.", "Nothing else.")
    first, second = picture(page, quote="Term ends").boxes, picture(page, quote="Term ends", nth=1).boxes
    assert first[0][1] < second[0][1]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages_are_boxed_where_they_are_seen(turn: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        write(canvas, 100, 500, "Some words before.", "The seller pays the costs.", size=12)

    shot = picture(drawn(draw), quote="seller pays the costs")
    (box,) = shot.boxes
    assert ink(shot, box) > 0.05
    upright = (box[3] - box[1]) * shot.height > (box[2] - box[0]) * shot.width
    assert upright == (turn in (90, 270))


def test_two_columns_are_found_by_runs_of_words() -> None:
    def draw(canvas: Canvas) -> None:
        rows = [("The buyer shall pay", "Other words stand"), ("within thirty days.", "in this column.")]
        for row, (left, right) in enumerate(rows):
            canvas.drawString(60, TOP - 100 - 20 * row, left)
            canvas.drawString(320, TOP - 100 - 20 * row, right)

    boxes = picture(drawn(draw), quote="The buyer shall pay within thirty days").boxes
    assert len(boxes) == 2
    assert all(right * WIDTH < 300 for _, _, right, _ in boxes)


def test_what_is_not_there_has_no_box_and_the_page_is_drawn_all_the_same() -> None:
    shot = picture(one_page("Nothing of it."), quote="completely different words stand here")
    assert shot.boxes == ()
    assert Image.open(io.BytesIO(shot.png)).size == (shot.width, shot.height)
    assert shot.width == pytest.approx(1400, abs=3)
    assert shot.height == pytest.approx(1400 * HEIGHT / WIDTH, abs=3)


@pytest.mark.parametrize(
    ("data", "page", "error"),
    [
        (lambda: one_page("One."), 2, MissingFileError),
        (lambda: b"%PDF-1.7 nothing behind it", 1, BrokenFileError),
        (lambda: locked(), 1, EncryptedFileError),
    ],
)
def test_what_cannot_be_drawn_says_why(data: Callable[[], bytes], page: int, error: type[IngestError]) -> None:
    with pytest.raises(error, match="deed"):
        picture(data(), page)


def locked() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, encrypt="secret")
    canvas.drawString(100, 100, "Hidden.")
    canvas.save()
    return out.getvalue()


def test_huge_and_tiny_pages_stay_within_the_pixels() -> None:
    for size in ((14_000, 14_000), (2, 2), (9, 14_000)):
        shot = picture(drawn(lambda canvas: canvas.drawString(1, 1, "x"), size))
        assert shot.width * shot.height <= 6_100_000


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_a_quote_between_other_words_is_found_at_its_own_place(quote: str, before: str, after: str) -> None:
    page = list(f"{before} {quote} {after}")
    found = find_quote(page, quote, count_before("".join(page), quote, len(before) + 1))
    letters, _ = folded(quote)
    assert (not letters and not found) or folded("".join(page[index] for index in found))[0].find(letters) >= 0


def test_boxes_of_one_line_are_one_and_a_new_column_begins_a_new_one() -> None:
    assert joined([(0, 0, 5, 10), (5, 1, 9, 9), (12, 0, 20, 10), (0, 12, 4, 22)]) == [(0, 0, 20, 10), (0, 12, 4, 22)]
    assert len(joined([(0, 0, 5, 10), (300, 0, 305, 10)])) == 2
