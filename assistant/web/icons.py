"""Small drawings on buttons, in the colour of the text; hidden from screen readers, whose buttons have labels."""

from __future__ import annotations

_PATHS = {
    "plus": "M12 5v14M5 12h14",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "retry": "M4 12a8 8 0 1 1 2.5 5.8M4 19v-5h5",
    "edit": "M4 20l1-4L16 5l3 3L8 19z",
    "up": "M7 11v9H4v-9zM7 11l4-8c2 0 3 1 2.5 3L13 9h7l-2 11H7",
    "down": "M17 13V4h3v9zM17 13l-4 8c-2 0-3-1-2.5-3l.5-3H4L6 4h11",
    "pin": "M9 4h6l-1 7 3 3H7l3-3zM12 14v6",
    "close": "M6 6l12 12M18 6L6 18",
    "document": "M6 3h8l4 4v14H6zM14 3v4h4",
    "previous": "M14 6l-6 6 6 6",
    "next": "M10 6l6 6-6 6",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "sources": "M4 5h16v14H4zM13 5v14M16 9h1M16 13h1",
    "theme": "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
    "code": "M9 7l-5 5 5 5M15 7l5 5-5 5",
    "person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M5 20c1-4 4-5 7-5s6 1 7 5",
    "contract": "M6 3h12v18H6zM9 8h6M9 12h6M9 16h3",
}


def icon(name: str) -> str:
    """An SVG of 18 pixels."""
    return (
        '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" '
        f'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )


def icon_of_bot(name: str) -> str:
    """The drawing of a bot; a team's own get that of the contract reader."""
    return icon({"code": "code", "support": "person"}.get(name, "contract"))
