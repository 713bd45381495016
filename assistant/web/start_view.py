"""HTML of an empty page: the bots to begin with, and what was read before. Every text is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from assistant.history import reads_history
from assistant.profiles import Profile
from assistant.web.icons import icon, icon_of_bot
from storage import DocumentRecord

RECENT = 6


def start(bots: Sequence[Profile], chosen: Profile, documents: Sequence[DocumentRecord]) -> str:
    """Cards of the bots, the chosen one's examples, and its next step."""
    cards = "".join(_card(bot, bot.name == chosen.name) for bot in bots)
    return (
        '<section class="start" aria-labelledby="start-title"><h1 id="start-title">What shall I read?</h1>'
        '<p class="lead">All of it is read, every page. Answers come with the words that prove them.</p>'
        f'<div class="cards" role="group" aria-label="Bots">{cards}</div>'
        f"{_next_step(chosen)}{_recent(chosen, documents)}{examples(chosen)}</section>"
    )


def begun(bot: Profile, names: Sequence[str]) -> str:
    """A conversation in which nothing was asked yet."""
    about = ", ".join(names)
    title = f"Ask about {escape(about)}" if about else escape(bot.greeting)
    return f'<section class="start begun"><h1>{title}</h1>{examples(bot)}</section>'


def examples(bot: Profile) -> str:
    """Questions to start with; a click writes one into the question's box."""
    rows = "".join(
        f'<button type="button" class="example" data-local="fill" data-text="{escape(each)}">{escape(each)}</button>'
        for each in bot.examples
    )
    return f'<div class="examples" role="group" aria-label="Example questions">{rows}</div>' if rows else ""


def _card(bot: Profile, chosen: bool) -> str:
    return (
        f'<button type="button" class="card" data-do="bot" data-bot="{escape(bot.name)}" '
        f'aria-pressed="{"true" if chosen else "false"}">{icon_of_bot(bot.name)}<b>{escape(bot.title)}</b>'
        f"<span>{escape(bot.greeting)}</span></button>"
    )


def _next_step(bot: Profile) -> str:
    if reads_history(bot):
        return '<p class="step">Just write. Everything from your earlier conversations is read first.</p>'
    return (
        '<div class="step drop"><p>Drop files, a folder or a zip here, or</p><div class="row">'
        f'<button type="button" data-local="files">{icon("document")} Choose files</button>'
        '<button type="button" data-local="folder">Choose a folder</button>'
        '<button type="button" data-local="paste">Paste text</button>'
        '<button type="button" data-local="git">Git address</button></div></div>'
    )


def _recent(bot: Profile, documents: Sequence[DocumentRecord]) -> str:
    if reads_history(bot) or not documents:
        return ""
    rows = "".join(
        f'<button type="button" class="example" data-do="document" data-document="{escape(each.id)}" data-new="1">'
        f"{icon('document')} {escape(each.name)}</button>"
        for each in documents[:RECENT]
    )
    return f'<div class="recent" role="group" aria-label="Read before"><h2>Read before</h2>{rows}</div>'
