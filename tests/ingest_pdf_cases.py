"""Shared by the PDF tests: the committed fixtures, reading one, and PDFs drawn on the spot."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.document import Limits
from ingest.part import Part
from ingest.pdf.reader import read_pdf

FIXTURES = Path(__file__).parent / "fixtures" / "pdf"
GOLDEN = Path(__file__).parent / "golden" / "pdf"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.pdf"))
TRUTH: dict[str, list[tuple[str, int]]] = json.loads((FIXTURES / "truth.json").read_text("utf-8"))
TOP = A4[1]


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
