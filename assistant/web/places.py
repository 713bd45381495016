"""The way between the pages of those who look after people: one line of links on top."""

from __future__ import annotations

PLACES = (("Chat", "/"), ("Compare", "/compare/"), ("Inbox", "/inbox/"), ("Signals", "/signals/"))


def places(here: str) -> str:
    """The links, the page one is on marked as such."""
    links = "".join(
        f'<a href="{address}"{" aria-current=page" if address.rstrip("/") == here else ""}>{text}</a>'
        for text, address in PLACES
    )
    return f'<nav class="places" aria-label="Pages"><b>Unabridged</b>{links}</nav>'
