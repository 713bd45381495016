"""Drawings in a Word file: their descriptions and text boxes are read, what they show is counted as not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from ingest.office.word_xml import MC, W

VML, DRAWING = "{urn:schemas-microsoft-com:vml}", "{http://schemas.openxmlformats.org/drawingml/2006/main}"
DRAWINGS = frozenset((W + "drawing", W + "pict", W + "object", W + "control", W + "contentPart"))
IMAGES = "images not read: {n}"
CHARTS = "charts not read: {n}"
DIAGRAMS = "diagrams not read: {n}"
OBJECTS = "embedded objects not read: {n}"
INK = "hand-written ink not read: {n}"


def picture(element: etree._Element, lost: Counter[str]) -> tuple[str, list[etree._Element]]:
    """Text that stands for a drawing, and the contents of its text boxes."""
    boxes: list[etree._Element] = []
    words: list[str] = []
    described = ""
    kind = OBJECTS if element.tag in (W + "object", W + "control") else ""
    if element.tag == W + "contentPart":
        kind = INK
    for each in _inside(element):
        tag = str(each.tag)
        name = tag.rsplit("}", 1)[-1]
        if tag == W + "txbxContent":
            boxes.append(each)
        elif name == "docPr":
            described = described or str(each.get("descr", "") or "")
        elif tag.startswith(VML) and each.get("alt"):
            described = described or str(each.get("alt"))
        elif tag == VML + "textpath":
            words.append(str(each.get("string", "")))
        elif tag == DRAWING + "t":
            words.append(str(each.text or ""))
        elif name in ("blip", "imagedata"):
            kind = kind or IMAGES
        elif name == "chart":
            kind = CHARTS
        elif name == "relIds":
            kind = DIAGRAMS
    if kind:
        lost[kind] += 1
        label = {IMAGES: "image", CHARTS: "chart", DIAGRAMS: "diagram", INK: "ink"}.get(kind, "embedded object")
        described = " ".join(described.split())
        words.insert(0, f"[{label}: {described}]" if described else f"[{label}]")
    return " ".join(word for word in words if word), boxes


def _inside(element: etree._Element) -> Iterator[etree._Element]:
    """Everything below `element`, not into text boxes, and one alternative of several."""
    stack = list(reversed(element))
    while stack:
        each = stack.pop()
        yield each
        if each.tag == W + "txbxContent":
            continue
        if each.tag == MC + "AlternateContent":
            stack += list(each)[:1]
        else:
            stack += reversed(each)
