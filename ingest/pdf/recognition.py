"""The picture of a page → its lines, by Tesseract: a program of its own, with a time limit, in a folder of its own."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ingest.document import IngestError
from ingest.pdf.line import Line

PAGE_SECONDS = 120.0
SURE = 0  # Tesseract's own confidence is -1 for what is no word
POINTS = 72 / 300


@dataclass(frozen=True, slots=True)
class Recognised:
    """The lines of a page and how sure Tesseract is of their words, in percent."""

    lines: list[Line]
    confidence: int
    width: float
    height: float


def check_available(name: str) -> None:
    """IngestError that tells what to install if text recognition cannot run here."""
    missing = []
    if importlib.util.find_spec("pytesseract") is None:
        missing.append("the Python package pytesseract (pip install pytesseract)")
    if shutil.which("tesseract") is None:
        missing.append("the program tesseract (apt install tesseract-ocr, or brew install tesseract)")
    if missing:
        raise IngestError(f"{name} cannot be read by text recognition here: install {' and '.join(missing)}.")


def recognise(png: bytes, *, seconds: float = PAGE_SECONDS) -> Recognised | None:
    """The text of a page's picture; None if Tesseract fails or takes longer."""
    import pytesseract  # type: ignore[import-untyped]  # only here: text recognition is an extra

    with tempfile.TemporaryDirectory(prefix="unabridged-ocr-") as folder:
        file = Path(folder) / "page.png"
        file.write_bytes(png)
        try:
            data = pytesseract.image_to_data(
                str(file), timeout=min(seconds, PAGE_SECONDS), output_type=pytesseract.Output.DICT
            )
        except (pytesseract.TesseractError, RuntimeError):  # RuntimeError is its word for a timeout
            return None
    return _read(data)


def _read(data: dict[str, list[int | float | str]]) -> Recognised:
    groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for index, text in enumerate(data["text"]):
        if str(text).strip() and float(data["conf"][index]) >= SURE:
            groups[tuple(int(data[key][index]) for key in ("block_num", "par_num", "line_num"))].append(index)  # type: ignore[index]
    lines: list[Line] = []
    weight = total = 0.0
    for (block, _, _), members in groups.items():
        words = [str(data["text"][index]).strip() for index in members]
        left = min(int(data["left"][index]) for index in members)
        right = max(int(data["left"][index]) + int(data["width"][index]) for index in members)
        top = min(int(data["top"][index]) for index in members)
        bottom = max(int(data["top"][index]) + int(data["height"][index]) for index in members)
        x0, upper, x1, lower = (place * POINTS for place in (left, top, right, bottom))
        lines.append(Line(" ".join(words), 0.0, False, x0, upper, x1, lower, block))
        for index, word in zip(members, words, strict=True):
            weight += len(word)
            total += len(word) * float(data["conf"][index])
    width, height = (max(map(int, data[key]), default=0) * POINTS for key in ("width", "height"))
    return Recognised(lines, round(total / weight) if weight else 0, width, height)
