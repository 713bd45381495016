"""HTML of the list of conversations and of what a search found. Every text is escaped here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from itertools import groupby

from assistant.web.icons import icon, icon_of_bot
from storage import Conversation
from storage.records import Hit

UNTITLED = "New conversation"


@dataclass(frozen=True, slots=True)
class Listed:
    """The conversations to list, the last updated first. `documents`: names by id; `more`: there are older ones."""

    conversations: Sequence[Conversation]
    chosen: str
    documents: Mapping[str, str] = field(default_factory=dict)
    more: bool = False
    zone: tzinfo = UTC


def conversation_list(listed: Listed, now: datetime) -> str:
    """All of it by date: what is pinned first, then today, yesterday, the last seven days, and months."""
    if not listed.conversations:
        return '<p class="empty">No conversations yet.</p>'
    groups = [
        f"<h2>{label}</h2><ul>{''.join(_row(listed, each) for each in group)}</ul>"
        for label, group in groupby(_sorted(listed), key=lambda each: _label(each, now, listed.zone))
    ]
    count = len(listed.conversations)
    more = (
        f'<button type="button" class="quiet" data-do="more" data-limit="{count + 50}">Show more</button>'
        if listed.more
        else ""
    )
    return f'<nav aria-label="Conversations">{"".join(groups)}{more}</nav>'


def _sorted(listed: Listed) -> list[Conversation]:
    return sorted(listed.conversations, key=lambda each: not each.pinned)  # stable: otherwise as they came


def _label(conversation: Conversation, now: datetime, zone: tzinfo) -> str:
    if conversation.pinned:
        return "Pinned"
    today, day = now.astimezone(zone).date(), conversation.updated_at.astimezone(zone).date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return "Previous 7 days" if day >= today - timedelta(days=7) else f"{day:%B %Y}"


def _row(listed: Listed, item: Conversation) -> str:
    chosen = item.id == listed.chosen
    title = item.title or UNTITLED
    names = ", ".join(filter(None, (listed.documents.get(each, "") for each in item.document_ids)))
    about = names if names and names != title else f"{item.updated_at.astimezone(listed.zone):%d %b, %H:%M}"
    state = {"waiting": " · waiting for a person", "human": " · with a person"}.get(item.state, "")
    current = ' aria-current="true"' if chosen else ""
    return (
        f'<li class="row{" chosen" if chosen else ""}">'
        f'<button type="button" class="conversation" data-do="open" data-id="{escape(item.id)}"{current}>'
        f"{icon_of_bot(item.bot)}<span><b>{escape(title)}</b><small>{escape(about)}{state}</small></span></button>"
        f"{menu(item)}</li>"
    )


def menu(item: Conversation, where: str = "list") -> str:
    """What can be done with a conversation, behind a button of three dots."""
    key = f"{where}-{escape(item.id)}"
    title = escape(item.title or UNTITLED)

    def deed(do: str, label: str, name: str = "", value: str = "") -> str:
        extra = f' data-{name}="{value}"' if name else ""
        return (
            f'<button type="button" data-do="{do}" data-id="{escape(item.id)}"{extra} data-close="menu-{key}">'
            f"{label}</button>"
        )

    return (
        f'<button type="button" class="deed dots" popovertarget="menu-{key}" aria-label="More about {title}" '
        f'title="More">{icon("more")}</button>'
        f'<div popover id="menu-{key}" class="menu" role="group" aria-label="{title}">'
        f'<form data-do="rename" data-id="{escape(item.id)}" data-close="menu-{key}">'
        f'<input name="title" value="{title}" aria-label="Title" maxlength="200" required>'
        '<button type="submit">Rename</button></form>'
        f"{deed('pin', 'Unpin' if item.pinned else 'Pin', 'pinned', '0' if item.pinned else '1')}"
        f"{deed('export', 'Export as Markdown', 'format', 'markdown')}"
        f"{deed('export', 'Export as JSON', 'format', 'json')}"
        f'<span class="danger">{deed("delete", "Delete")}</span></div>'
    )


def found_list(query: str, hits: Sequence[Hit], zone: tzinfo, *, more: bool) -> str:
    """What a search found, newest first, with the words marked."""
    if not hits:
        return f'<p class="empty" role="status">Nothing holds “{escape(query)}”.</p>'
    rows = "".join(_hit(query, hit, zone) for hit in hits)
    note = '<p class="empty">There is more; add a word to narrow it down.</p>' if more else ""
    count = f"{len(hits)}{'+' if more else ''} found"
    return f'<nav aria-label="Search results"><h2 role="status">{count}</h2><ul>{rows}</ul>{note}</nav>'


def _hit(query: str, hit: Hit, zone: tzinfo) -> str:
    if hit.kind == "message":
        target = f'data-do="open" data-id="{escape(hit.conversation_id or "")}" data-seq="{hit.seq}"'
        where = ""
    else:
        target = f'data-do="document" data-document="{escape(hit.document_id or "")}"'
        where = f", p. {hit.page}" if hit.page else f", line {hit.line}" if hit.line else ""
    name = icon("document") if hit.kind == "document" else ""
    return (
        f'<li class="row"><button type="button" class="conversation hit" {target}>{name}<span>'
        f"<b>{escape(hit.title or UNTITLED)}{where}</b>"
        f'<span class="quote">{_marked(hit.quote, query)}</span>'
        f"<small>{hit.at.astimezone(zone):%d %b %Y, %H:%M}</small></span></button></li>"
    )


def _marked(quote: str, query: str) -> str:
    """The quote with the words of the query marked; words that only differ in accents stay as they are."""
    words = [re.escape(word) for word in re.findall(r"\w+", query)]
    if not words:
        return escape(quote)
    parts = re.split(rf"\b({'|'.join(words)}\w*)", quote, flags=re.IGNORECASE)
    return "".join(f"<mark>{escape(part)}</mark>" if at % 2 else escape(part) for at, part in enumerate(parts))
