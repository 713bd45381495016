"""Shared by the PDF tests: the committed fixtures, reading one, and PDFs drawn or written by hand on the spot."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingest import Document, Limits, load
from ingest.part import Part
from ingest.pdf.reader import read_pdf

FIXTURES = Path(__file__).parent / "fixtures" / "pdf"
GOLDEN = Path(__file__).parent / "golden" / "pdf"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.pdf"))
TRUTH: dict[str, list[tuple[str, int]]] = json.loads((FIXTURES / "truth.json").read_text("utf-8"))
TOP = A4[1]
BODY = "The parties agree on this clause, each for its own part, and in good faith from the first day on."
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
WORDS = b"BT /F 10 Tf 72 700 Td (1. SALE) Tj 0 -14 Td (The seller sells the goods to the buyer.) Tj ET"


def read(data: bytes, **more: Any) -> Part:
    """The part of a PDF called file.pdf, checked."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        part = read_pdf(file, "file.pdf", **{"limits": Limits(), **more})
    part.check()
    return part


def fixture(name: str, **more: Any) -> Part:
    """The part of a committed PDF."""
    return read((FIXTURES / f"{name}.pdf").read_bytes(), **more)


def page_text(part: Part, number: int) -> str:
    """The text of a page, from 1."""
    span = part.spans[number - 1]
    return part.text[span.start : span.end]


def shown(part: Part) -> str:
    """Everything a reader of the part sees, as a golden file keeps it."""
    rows = []
    for span in part.spans:
        rows.append(f"=== page {span.page}\n{part.text[span.start : span.end]}")
    rows += [f"=== {item.kind} on {', '.join(map(str, item.pages))}: {item.text}\n" for item in part.artifacts]
    rows += [f"=== warning: {warning}\n" for warning in part.warnings]
    return "".join(rows)


def drawn(draw: Callable[[Canvas], None], size: tuple[float, float] = A4) -> bytes:
    """The PDF that `draw` draws; a page that was begun is ended."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size, invariant=1)
    draw(canvas)
    canvas.save()
    return out.getvalue()


def write(canvas: Canvas, x: float, y: float, *rows: str, size: float = 10, font: str = "Times-Roman") -> None:
    """Rows of text from (x, y) down, y from the top of the page."""
    text = canvas.beginText(x, TOP - y)
    text.setFont(font, size, leading=1.3 * size)
    for row in rows:
        text.textLine(row)
    canvas.drawText(text)


# -- contracts, through the one door --------------------------------------------------


def page(canvas: Canvas, *rows: str, size: float = 10, font: str = "Helvetica") -> None:
    """A page of these rows, ended."""
    text = canvas.beginText(72, 780)
    text.setFont(font, size, leading=size * 1.4)
    for row in rows:
        text.textLine(row)
    canvas.drawText(text)
    canvas.showPage()


def contract(canvas: Canvas, pages: int = 3) -> None:
    """A contract with one numbered clause a page."""
    for number in range(1, pages + 1):
        page(canvas, f"{number}. CLAUSE {'ABCDEFGH'[number - 1]}", BODY, f"{number}.1 Terms. {BODY[:60]}", BODY)


def picture(canvas: Canvas) -> None:
    """A picture that fills most of a page, as a scan does."""
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "navy")), 0, 0, 500, 700)


def loaded(tmp_path: Path, data: bytes, name: str = "file.pdf", limits: Limits | None = None) -> Document:
    """The document of a file with these bytes, read through the one door."""
    path = tmp_path / name
    path.write_bytes(data)
    return load([path], limits=limits or Limits())


def titles(document: Document) -> list[tuple[int, str]]:
    """Level and title of every section."""
    return [(section.level, section.title) for section in document.sections]


# -- by hand, whatever a library would refuse to write ---------------------------------


def stream(content: bytes, extra: bytes = b"") -> bytes:
    """A stream object by hand."""
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), extra, content)


def build(objects: dict[int, bytes]) -> bytes:
    """A PDF of these objects; 1 is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 %s \n" % (places.get(number, 0), b"n" if number in places else b"f")
    return bytes(out) + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)


def plain(**more: bytes) -> dict[int, bytes]:
    """The objects of a whole file of one page; `o4` replaces or adds object 4."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: PAGE,
        4: stream(WORDS),
        5: FONT,
    }
    return objects | {int(name[1:]): body for name, body in more.items()}
