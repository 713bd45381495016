"""HTML of the source viewer: a page as a picture with the quote boxed, or text with it highlighted. All is escaped."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath

from ingest import Document
from ingest.code.languages import language_of
from ingest.pdf.picture import PagePicture

AROUND = 150  # lines shown before and after a place in a file without pages
LONGEST_LINE = 4000  # characters of a line that stand in one row; what is longer is wrapped by the browser
IMAGE, TEXT = "image", "text"


@dataclass(frozen=True, slots=True)
class Spot:
    """What the viewer shows: the page or lines around the character `at`, and the marked characters [low, high)."""

    at: int
    low: int = 0
    high: int = 0
    mode: str = IMAGE

    def button(self, css: str, label: str, text: str, *, disabled: bool = False, pressed: bool | None = None) -> str:
        """A button that leads here; `text` is HTML of ours."""
        state = "" if pressed is None else f' aria-pressed="{"true" if pressed else "false"}"'
        return (
            f'<button type="button" class="{css}" data-at="{self.at}" data-low="{self.low}" data-high="{self.high}" '
            f'data-mode="{self.mode}" aria-label="{escape(label)}" title="{escape(label)}"{state}'
            f"{' disabled' if disabled else ''}>{text}</button>"
        )


def picture_sheet(document: Document, spot: Spot, picture: PagePicture, note: str = "") -> str:
    """A page as it was printed. `note`: a sentence about what is not boxed."""
    data = base64.b64encode(picture.png).decode("ascii")
    page = document.span_at(spot.at).page
    boxes = "".join(
        f'<i class="box" style="left:{100 * left:.3f}%;top:{100 * top:.3f}%;'
        f'width:{100 * (right - left):.3f}%;height:{100 * (bottom - top):.3f}%"></i>'
        for left, top, right, bottom in picture.boxes
    )
    quote = " ".join(document.text[spot.low : spot.high].split())
    told = f"Page {page}" + (f". Boxed: {quote}" if boxes else "")
    body = (
        f'<div class="paper" style="--ratio:{picture.width}/{picture.height}">'
        f'<img src="data:image/png;base64,{data}" alt="{escape(told)}" width="{picture.width}" '
        f'height="{picture.height}">{boxes}</div>'
    )
    return _sheet(document, spot, f'<div class="desk" tabindex="0" aria-label="Page {page}">{body}</div>', note)


def text_sheet(document: Document, spot: Spot, note: str = "") -> str:
    """The text of the page, or the lines around the place, with the quote highlighted."""
    span = document.span_at(spot.at)
    if span.page is None:
        return _sheet(document, spot, _lines(document, spot), note)
    low, high = max(span.start, spot.low), min(span.end, spot.high)
    text = document.text
    if low >= high:
        body = escape(text[span.start : span.end])
    else:
        cited = f'<mark tabindex="-1">{escape(text[low:high])}</mark>'
        body = f"{escape(text[span.start : low])}{cited}{escape(text[high : span.end])}"
    return _sheet(document, spot, f'<div class="page" tabindex="0">{body.strip()}</div>', note)


def _sheet(document: Document, spot: Spot, body: str, note: str) -> str:
    told = f'<p class="why" role="note">{escape(note)}</p>' if note else ""
    return f'<section class="sheet" aria-label="Source">{_head(document, spot)}{told}{body}</section>'


def _head(document: Document, spot: Spot) -> str:
    span = document.span_at(spot.at)
    path = document.section_path(spot.low if span.start <= spot.low < span.end else spot.at)
    where = " › ".join(escape(section.title) for section in path[-3:])
    trail = f'<div class="trail">{where}</div>' if where else ""
    if span.page is None:
        return (
            f'<header><div class="name">{escape(span.path)} · line {document.line_of(spot.low or spot.at)}</div>'
            f"</header>{trail}"
        )
    pages = [each for each in document.spans if each.path == span.path and each.page]
    place = pages.index(span)
    label = f" (printed {escape(span.page_label)})" if span.page_label and span.page_label != str(span.page) else ""
    back, on = pages[max(place - 1, 0)], pages[min(place + 1, len(pages) - 1)]
    turns = (
        _at(spot, back.start).button("turn", "Previous page", "‹", disabled=place == 0)
        + f'<span class="folio">p. {span.page} of {len(pages)}{label}</span>'
        + _at(spot, on.start).button("turn", "Next page", "›", disabled=place == len(pages) - 1)
    )
    zooms = (
        '<button type="button" class="turn" data-zoom="-1" aria-label="Smaller" title="Smaller">−</button>'
        '<button type="button" class="turn" data-zoom="1" aria-label="Larger" title="Larger">+</button>'
        if spot.mode == IMAGE
        else ""
    )
    modes = "".join(
        Spot(spot.at, spot.low, spot.high, mode).button(
            "mode", f"Show the page as {mode}", name, pressed=mode == spot.mode
        )
        for mode, name in ((IMAGE, "Image"), (TEXT, "Text"))
    )
    return (
        f'<header><div class="name">{escape(span.path)}</div><div class="tools">'
        f'<span role="group" aria-label="Page">{turns}</span><span role="group" aria-label="Zoom">{zooms}</span>'
        f'<span role="group" class="modes" aria-label="Show as">{modes}</span></div></header>{trail}'
    )


def _at(spot: Spot, at: int) -> Spot:
    return Spot(at, spot.low, spot.high, spot.mode)


def _lines(document: Document, spot: Spot) -> str:
    """Lines with their numbers; the cited ones are marked at the number too."""
    text, span = document.text, document.span_at(spot.at)
    start, end = _lines_around(document, spot.at)
    number = document.line_of(start) or 1
    rows: list[str] = []
    place = start
    for line in text[start:end].splitlines(keepends=True):
        low, high = max(place, spot.low), min(place + len(line.rstrip("\n")), spot.high)
        if low < high:
            shown = (
                f'{escape(text[place:low])}<mark tabindex="-1">{escape(text[low:high])}</mark>'
                f"{escape(text[high : place + len(line)].rstrip())}"
            )
        else:
            shown = escape(line.rstrip())
        cited = ' class="cited"' if low < high else ""
        rows.append(f'<li{cited}><b aria-hidden="true">{number}</b><span>{shown or "&nbsp;"}</span></li>')
        place += len(line)
        number += 1
    code = " code" if language_of(PurePosixPath(span.path).name, "") is not None else ""
    before = _more(document, spot, start - 1, "Earlier lines")
    after = _more(document, spot, end, "Later lines")
    return f'<div class="page lines{code}" tabindex="0">{before}<ol>{"".join(rows)}</ol>{after}</div>'


def _more(document: Document, spot: Spot, at: int, label: str) -> str:
    """A button to the lines of the same file that are not shown."""
    if not 0 <= at < len(document.text) or document.span_at(at).path != document.span_at(spot.at).path:
        return ""
    return _at(spot, at).button("more", label, label)


def _lines_around(document: Document, offset: int) -> tuple[int, int]:
    """AROUND lines before and after, of the same file."""
    text, path = document.text, document.span_at(offset).path
    start = end = offset
    for _ in range(AROUND + 1):
        start = text.rfind("\n", 0, start)
        if start < 0 or document.span_at(start).path != path:
            break
    for _ in range(AROUND + 1):
        if end >= len(text) or document.span_at(end).path != path:
            break
        end = text.find("\n", end) + 1 or len(text)
    return start + 1, end
