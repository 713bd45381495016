"""HTML of the agents' inbox, from plain values. Every word of customers, models and agents is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from assistant.desk_agent import Waiting
from assistant.listing import QUOTED, place, shortened
from assistant.packet import Packet
from assistant.receipts import proofs
from storage import Message
from storage.records_support import HandOff

MOST = 100  # of a group, as the store gives them
_SPEAKS = {"user": "customer", "assistant": "bot", "agent": "agent"}
_PARTS = (  # of a packet: title, field
    ("Open promises", "promises"),
    ("Open issues", "issues"),
    ("Not answered", "unanswered"),
    ("What was tried", "tried"),
    ("Cited", "cited"),
)


def queue(
    waiting: Sequence[Waiting], mine: Sequence[Waiting], others: Sequence[Waiting], chosen: str, now: datetime
) -> str:
    """Who waits, whom this agent serves, whom others serve: one button each."""
    groups = (("Waiting", waiting), ("Yours", mine), ("With colleagues", others))
    shown = "".join(_group(title, rows, chosen, now) for title, rows in groups if rows or title == "Waiting")
    return f'<nav aria-label="Inbox">{shown}</nav>'


def _group(title: str, rows: Sequence[Waiting], chosen: str, now: datetime) -> str:
    head = f'<h2>{title} <span class="count">{len(rows)}</span></h2>'
    if not rows:
        return f'{head}<p class="empty">Nobody waits for a person. New requests appear here by themselves.</p>'
    more = '<p class="empty">Those who came later are not shown yet.</p>' if len(rows) >= MOST else ""
    return head + "".join(_row(row, row.hand_off.id == chosen, now) for row in rows) + more


def _row(row: Waiting, chosen: bool, now: datetime) -> str:
    hand_off = row.hand_off
    since = hand_off.requested_at if hand_off.state == "waiting" else (hand_off.taken_at or hand_off.requested_at)
    long = hand_off.state == "waiting" and now - since >= timedelta(minutes=15)
    who = f" · {escape(hand_off.agent)}" if hand_off.agent else ""
    return (
        f'<button type="button" class="case{" chosen" if chosen else ""}" data-id="{escape(hand_off.id)}"'
        f' aria-current="{"true" if chosen else "false"}">'
        f'<span class="who">{escape(hand_off.user)}</span>'
        f'<time class="{"late" if long else ""}">{lasting(now - since)}</time>'
        f'<span class="why">{escape(row.reason)}</span>'
        f"<small>{escape(hand_off.bot)}{who}</small></button>"
    )


def lasting(span: timedelta) -> str:
    """How long, in the two largest words that say anything: “just now”, “4 min”, “2 h 5 min”, “3 days”."""
    minutes = max(0, int(span.total_seconds())) // 60
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    days = minutes // (24 * 60)
    return f"{days} day{'' if days == 1 else 's'}"


def head(hand_off: HandOff | None, agent: str) -> str:
    """Whose conversation this is and who answers in it."""
    if hand_off is None:
        return ""
    owner = {
        "waiting": "waits for a person",
        "human": "you answer here" if hand_off.agent == agent else f"{hand_off.agent} answers here",
        "closed": "is back with the bot",
    }[hand_off.state]
    return (
        f'<header class="talk"><h1>{escape(hand_off.user)}</h1>'
        f'<span class="state {hand_off.state}">{escape(owner)}</span></header>'
    )


def conversation(messages: Sequence[Message], *, more: bool) -> str:
    """The messages as bubbles, the customer's on the left."""
    if not messages:
        return '<div class="nothing"><p>Choose a conversation to see what it is about.</p></div>'
    start = '<p class="empty">Earlier messages are not shown.</p>' if more else ""
    days: list[str] = []
    rows: list[str] = []
    for message in messages:
        day = f"{message.created_at:%d %B %Y}".lstrip("0")
        if day not in days:
            days.append(day)
            rows.append(f'<p class="day">{day}</p>')
        rows.append(_bubble(message))
    return f'<div class="log" role="log" aria-label="Conversation" tabindex="0">{start}{"".join(rows)}</div>'


def _bubble(message: Message) -> str:
    kind = _SPEAKS[message.role]
    name = {"customer": message.author or "Customer", "bot": "Bot", "agent": message.author or "Colleague"}[kind]
    torn = {"broken": " · broke off", "error": " · failed", "stopped": " · stopped", "streaming": " · is writing …"}
    cited = proofs(message.answer) if message.answer else ()
    sources = "".join(f"<li>{escape(place(each))}: “{escape(shortened(each.quote, QUOTED))}”</li>" for each in cited)
    proof = f"<details><summary>{_count(len(cited), 'source')}</summary><ul>{sources}</ul></details>" if cited else ""
    return (
        f'<article class="said {kind}"><header><b>{escape(name)}</b> '
        f"<time>{message.created_at:%H:%M} UTC</time>{torn.get(message.status, '')}</header>"
        f"<p>{escape(message.content)}</p>{proof}</article>"
    )


def packet(packet: Packet | None) -> str:
    """What the agent must know to go on without asking again."""
    if packet is None:
        return ""
    parts = [
        f'<section class="packet"><h2>What you need to know</h2><p class="reason">{escape(packet.reason)}</p>'
        f"<p>{escape(packet.summary)}</p>"
    ]
    for title, name in _PARTS:
        rows = getattr(packet, name)
        if rows:
            items = "".join(f"<li>{escape(row)}</li>" for row in rows)
            parts.append(f"<h3>{title} <span class='count'>{len(rows)}</span></h3><ul>{items}</ul>")
    if not any(getattr(packet, name) for _, name in _PARTS):
        parts.append('<p class="empty">No promises, issues or earlier answers are known.</p>')
    return "".join([*parts, "</section>"])


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
