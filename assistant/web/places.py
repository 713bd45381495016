"""The line on top of the pages beside the chat: the way to what this user may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import gradio as gr

from assistant.web.column import PRIVATE
from assistant.web.header_view import Link, no_links
from assistant.web.visitor import user_of

Links = Callable[[str], Sequence[Link]]
CHAT = Link("Chat", "/")


def places(here: str, links: Sequence[Link]) -> str:
    """The chat and the `links`, the page one is on marked as such."""
    shown = "".join(
        f'<a href="{escape(each.address)}"{" aria-current=page" if each.address.rstrip("/") == here else ""}>'
        f"{escape(each.text)}</a>"
        for each in (CHAT, *links)
    )
    return f'<nav class="places" aria-label="Pages"><b>Unabridged</b>{shown}</nav>'


def add_places(page: gr.Blocks, here: str, links: Links = no_links, below: str = "") -> None:
    """Draws the line within `page`, and fills it for whoever loads the page. `below`: HTML of ours under it."""
    line = gr.HTML(places(here, ()) + below, elem_id="places")

    def load(request: gr.Request) -> str:
        return places(here, links(user_of(request))) + below

    page.load(load, None, line, **PRIVATE)
