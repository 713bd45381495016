"""HTML that several parts of the page share. Every text of documents, models and users is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.profiles import Profile
from assistant.web.icons import icon_of_bot
from assistant.web.list_view import UNTITLED, menu
from storage import Conversation

TITLE = 60  # characters of a title made from a question


def status(message: str, kind: str = "info", undo: str = "", more: str = "") -> str:
    """A line of news for the user: kind “info” or “error”.

    `undo`: the conversation whose deletion it tells; `more`: HTML behind it.
    """
    role = "alert" if kind == "error" else "status"
    button = (
        f'<button type="button" class="quiet" data-do="restore" data-id="{escape(undo)}">Undo</button>' if undo else ""
    )
    return (
        f'<div class="note {kind}" role="{role}"><span>{escape(message)}{more}</span>{button}</div>' if message else ""
    )


def title_of(question: str) -> str:
    """A conversation's title from its first question: one line, cut at a word."""
    line = " ".join(question.split())
    return line if len(line) <= TITLE else line[:TITLE].rsplit(" ", 1)[0] + " …"


def heading(conversation: Conversation, bot: Profile, names: Sequence[str]) -> str:
    """What the conversation is called, who answers in it, and about what."""
    about = ", ".join(names)
    return (
        f'<div class="heading"><h1>{escape(conversation.title or UNTITLED)}</h1>'
        f'<span class="badge">{icon_of_bot(bot.name)} {escape(bot.title)}</span>'
        f'<span class="about">{escape(about)}</span>{menu(conversation, "heading")}</div>'
    )
