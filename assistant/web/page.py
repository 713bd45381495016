"""The Gradio page: a header and three columns, composed and wired to the desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from assistant.profiles import Profile
from assistant.web.chat_column import ChatColumn
from assistant.web.column import FREE, PRIVATE, Canvas
from assistant.web.desk import Desk
from assistant.web.live import keep_live
from assistant.web.proof_column import ProofColumn
from assistant.web.sidebar import Sidebar
from assistant.web.visitor import user_of


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the header: another route of ours, or, without an address, a plain word such as the user's name."""

    text: str
    address: str = ""


def no_links(user: str) -> Sequence[Link]:
    """A header without links."""
    return ()


def build(desk: Desk, profile: Profile, links: Callable[[str], Sequence[Link]] = no_links) -> gr.Blocks:
    """The whole page. `links` says what the header shows to a user."""
    with gr.Blocks(title="Unabridged", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        header = gr.HTML(elem_id="header")
        with gr.Row():
            sidebar = Sidebar.build()
            chat = ChatColumn.build(profile)
            proof = ProofColumn.build()
        canvas = Canvas(gr.State(""), (sidebar, chat, proof))

        def load(request: gr.Request) -> list[Any]:
            user = user_of(request)
            return [header_html(links(user)), *canvas.updates(desk.home(user))]

        def follow(chosen: str, request: gr.Request) -> Iterator[list[Any]]:
            yield from map(canvas.updates, desk.follow(user_of(request), chosen))

        loaded = page.load(load, None, [header, *canvas.parts], **PRIVATE)
        loaded.then(follow, canvas.conversation, canvas.parts, **FREE)
        sidebar.wire(desk, canvas)
        chat.wire(desk, canvas)
        proof.wire(desk.proof, canvas)
        keep_live(desk, canvas)
    return page


def header_html(links: Sequence[Link]) -> str:
    """The links of the header as a navigation, or nothing."""
    shown = (
        f'<a href="{escape(link.address)}">{escape(link.text)}</a>'
        if link.address
        else f"<span>{escape(link.text)}</span>"
        for link in links
    )
    return f'<nav aria-label="Places">{"".join(shown)}</nav>' if links else ""
