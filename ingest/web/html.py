"""An HTML page → Part: all text a reader can see, in order, headings h1 to h6 as sections.

Boilerplate is kept. Text hidden by the `hidden` attribute or an inline style is left out and reported; aria-hidden text
is visible on the screen and therefore read. Style sheets and scripts are not applied.
"""

from __future__ import annotations

import re
from typing import Any, cast

from lxml import etree

from ingest.document import BrokenFileError
from ingest.flow import Block, Flow
from ingest.part import Part, Request
from ingest.web.encoding import page_text
from ingest.web.page import Page

FEED = 1 << 20  # characters handed to the parser at a time


def read(data: bytes, name: str, request: Request) -> Part:
    """One page; its title comes first unless its first heading says the same."""
    text, warning = page_text(data)
    flow = Flow(name, "html", request)
    if warning:
        flow.warn(warning)
    page = parse(text, name, request.max_chars)
    for block in titled(page):
        flow.add(block)
    flow.lost.update(page.lost)
    return flow.part()


def html_text(data: bytes | str, encoding: str | None = None, max_chars: int = 200_000_000) -> str:
    """The visible text of a page or of the HTML body of a message; "" if there is none."""
    text = data if isinstance(data, str) else page_text(data, encoding)[0]
    flow = Flow("the page", "html", Request(max_chars, 1))
    for block in parse(text, "the page", max_chars).blocks:
        flow.add(block)
    return flow.text()


def parse(text: str, name: str, max_chars: int) -> Page:
    """The blocks of a page; the parser repairs what is badly nested, as browsers do."""
    page = Page(name, max_chars)
    parser = etree.HTMLParser(target=cast("Any", page), encoding="utf-8", huge_tree=True, no_network=True)
    try:
        for start in range(0, len(text), FEED):
            parser.feed(text[start : start + FEED].encode("utf-8", "replace"))
        if text:
            parser.close()
    except etree.LxmlError:
        if not page.blocks:
            raise BrokenFileError(f"{name} is damaged and cannot be read as HTML: save the page again.") from None
    page.finish()
    return page


def titled(page: Page) -> list[Block]:
    """The page's blocks with its title before them, unless the first heading is the same words."""
    title = " ".join(page.title.split())
    first = next((block for block in page.blocks if block.kind == "heading"), None)
    if not title or (first is not None and same_words(first.text, title)):
        return page.blocks
    return [Block(title, "heading", 1, "title"), *page.blocks]


def same_words(one: str, other: str) -> bool:
    """Whether two titles differ in signs and capitals at most."""
    return _letters(one) == _letters(other)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
