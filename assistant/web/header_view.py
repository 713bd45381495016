"""HTML of the line above the columns: what the page is, the places one can go, and how it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from assistant.web.icons import icon

KEYS = (
    ("Enter", "Ask"),
    ("Shift Enter", "New line"),
    ("Ctrl K", "Search"),
    ("Ctrl Shift O or Alt N", "New conversation"),
    ("Esc", "Stop the answer, close what is open"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the header: another route of ours, or, without an address, a plain word such as the user's name."""

    text: str
    address: str = ""


def no_links(user: str) -> Sequence[Link]:
    """A header without links."""
    return ()


def header(links: Sequence[Link]) -> str:
    """The whole line."""
    shown = "".join(
        f'<a href="{escape(link.address)}">{escape(link.text)}</a>'
        if link.address
        else f"<span>{escape(link.text)}</span>"
        for link in links
    )
    keys = "".join(f"<dt>{keys}</dt><dd>{what}</dd>" for keys, what in KEYS)
    return (
        f"{_button('sidebar-open', 'menu', 'Conversations')}"
        '<strong class="brand">Unabridged</strong><span class="claim">reads the whole document</span>'
        f'<nav aria-label="Places">{shown}</nav>'
        '<button type="button" class="deed" popovertarget="help" aria-label="Keys" title="Keys">?</button>'
        f'<div popover id="help" class="menu help" role="group" aria-label="Keys"><h2>Keys</h2><dl>{keys}</dl></div>'
        f"{_button('theme', 'theme', 'Light or dark')}{_button('proof-open', 'sources', 'Sources')}"
        '<span id="announcer" class="unseen" role="status"></span>'
    )


def _button(local: str, name: str, label: str) -> str:
    return (
        f'<button type="button" class="deed {local}" data-local="{local}" aria-label="{label}" title="{label}">'
        f"{icon(name)}</button>"
    )
