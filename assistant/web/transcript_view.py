"""HTML of what was said in a conversation. Every text of documents, models and users is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from html import escape

from assistant.closest import LEADS
from assistant.listing import QUOTED, evidence_lines, place, shortened
from assistant.marks import marks
from assistant.profiles import Profile
from assistant.receipts import checked, led, proofs
from assistant.web.icons import icon, icon_of_bot
from assistant.web.prose import prose
from assistant.web.receipt_view import receipt_html
from assistant.web.versions import Version
from storage import AnswerRecord, CitationRecord, Message
from storage.records_support import Feedback

REASONS = {-1: ("Wrong", "Incomplete", "Proof missing", "Hard to read"), 1: ("Correct", "Complete", "Well proven")}
_WHAT = {1: "What was good?", -1: "What was wrong?"}
CHIPS = 8  # sources named under an answer before the others are folded
_ENDED = {
    "broken": "This answer broke off when the program stopped.",
    "stopped": "Stopped.",
    "error": "This answer failed.",
}


@dataclass(frozen=True, slots=True)
class Talk:
    """What a transcript is drawn from. `asking`: the `seq` of the answer whose thumb's reason is asked for."""

    user: str
    bot: Profile
    messages: Sequence[Message]
    more: bool = False  # whether there are earlier ones
    limit: int = 50  # of messages shown now
    versions: Mapping[int, Version] = field(default_factory=dict)  # by `seq`
    feedback: Mapping[int, Feedback] = field(default_factory=dict)  # by `seq`
    asking: int | None = None
    find: int | None = None  # the `seq` of the message to show
    settled: bool = True  # False while an answer grows or a person has the chat: nothing can be asked anew
    zone: tzinfo = UTC


def transcript(talk: Talk) -> str:
    """All messages, with what can be done with each."""
    earlier = (
        f'<button type="button" class="quiet" data-do="earlier" data-limit="{talk.limit + 50}">Show earlier messages'
        "</button>"
        if talk.more
        else ""
    )
    find = f' data-find="{talk.find}"' if talk.find is not None else ""
    talk_id = escape(talk.messages[0].conversation_id) if talk.messages else ""
    shown = [_message(talk, at, message) for at, message in enumerate(talk.messages)]
    return (
        f'<div class="messages" data-talk="{talk_id}" data-limit="{talk.limit}"{find}>{earlier}{"".join(shown)}</div>'
    )


def growing(bot: Profile, text: str, note: str = "") -> str:
    """The answer that is being written; `note` says what is done before its first word."""
    body = prose(text) if text else f'<p class="waiting"><i></i><i></i><i></i> {escape(note)}</p>'
    return f'<article class="message answer" aria-busy="true">{_speaker(bot)}<div class="body">{body}</div></article>'


def _speaker(bot: Profile) -> str:
    return f'<header class="speaker">{icon_of_bot(bot.name)} {escape(bot.title)}</header>'


def _message(talk: Talk, at: int, message: Message) -> str:
    when = f"{message.created_at.astimezone(talk.zone):%d %b %Y, %H:%M}"
    if message.role == "user":
        return _question(talk, message, when)
    if message.role == "agent":
        head = f'<header class="speaker">{icon("person")} {escape(message.author or "A person")}</header>'
    else:
        head = _speaker(talk.bot)
    if message.status == "streaming":
        return ""  # it grows below
    asked = next((each for each in reversed(talk.messages[:at]) if each.role == "user"), None)
    return (
        f'<article class="message answer" id="m{message.seq}" aria-label="Answer, {when}">{head}'
        f'<div class="body">{_answer_body(message)}</div>{_warnings(message)}{_proof(message)}'
        f"{_deeds(talk, message, asked)}{_reason_form(talk, message)}</article>"
    )


def _question(talk: Talk, message: Message, when: str) -> str:
    own = talk.settled and message.author == talk.user
    unanswered = own and message is talk.messages[-1]
    note = '<p class="warn">This question was not answered.</p>' if unanswered else ""
    again = _retry(message) if unanswered else ""
    edit = _button("edit", "Edit this question", "edit", message.seq) if own else ""
    form = (
        f'<form class="edit" data-do="ask-anew" data-seq="{message.seq}" hidden>'
        f'<textarea name="text" aria-label="Your question, edited" rows="3" maxlength="8000" '
        f'data-original="{escape(message.content)}">{escape(message.content)}</textarea><div class="row">'
        '<button type="submit" class="primary">Ask again</button>'
        '<button type="button" data-local="unedit">Cancel</button></div></form>'
        if own
        else ""
    )
    return (
        f'<article class="message question" id="m{message.seq}" aria-label="Question, {when}">'
        f'<div class="body">{escape(message.content)}</div>{note}{form}'
        f'<footer class="deeds">{_switch(talk, message)}{again}{_copy(message)}{edit}</footer></article>'
    )


def _answer_body(message: Message) -> str:
    record = message.answer
    if record is None:
        return prose(message.content)
    cited = proofs(record)
    chips = {each.number: _chip(message, each, record) for each in cited}
    return prose(message.content, chips, tuple(marks(message.content, cited)))


def _chip(message: Message, citation: CitationRecord, record: AnswerRecord) -> str:
    where = escape(place(citation, files=record.files))
    return (
        f'<button type="button" class="chip" data-do="cite" data-message="{message.id}" '
        f'data-number="{citation.number}" aria-label="Source {citation.number}: {where}" title="{where}">'
        f"{citation.number}</button>"
    )


def _warnings(message: Message) -> str:
    told = [_ENDED[message.status]] if message.status in _ENDED else []
    if message.answer is not None and not message.answer.supported:
        told += evidence_lines(message.answer)
    return "".join(f'<p class="warn">{escape(each)}</p>' for each in told)


def _proof(message: Message) -> str:
    """The sources by name, and the receipt."""
    record = message.answer
    if record is None:
        return ""
    rows = [_source(message, each, record) for each in (*proofs(record), *checked(record))]
    chips = "".join(rows[:CHIPS])
    if more := rows[CHIPS:]:  # lists may have hundreds
        chips += f"<details><summary>{len(more)} more sources</summary>{''.join(more)}</details>"
    named = f'<div class="chips" role="group" aria-label="Sources of this answer">{chips}</div>' if rows else ""
    told = evidence_lines(record) if record.supported else []  # else they warn above
    sure = "".join(f'<p class="sure">{escape(each)}</p>' for each in told)
    return f"{named}{_closest(message, record)}{sure}{receipt_html(record)}"


def _source(message: Message, cited: CitationRecord, record: AnswerRecord, *, words: bool = False) -> str:
    """A button that opens a citation: its number and place, with `words` also what stands there."""
    quote = f" <q>{escape(shortened(cited.quote, QUOTED))}</q>" if words else ""
    return (
        f'<button type="button" class="source" data-do="cite" data-message="{message.id}" '
        f'data-number="{cited.number}"><b>{cited.number}</b> {escape(place(cited, files=record.files))}{quote}</button>'
    )


def _closest(message: Message, record: AnswerRecord) -> str:
    """Where the question leads, for the reader to see whether the answer stands there."""
    rows = "".join(_source(message, each, record, words=True) for each in led(record))
    if not rows:
        return ""
    return (
        f'<div class="closest" role="group" aria-label="{LEADS}"><p>{LEADS}. Check whether they answer it.</p>'
        f"{rows}</div>"
    )


def _deeds(talk: Talk, message: Message, asked: Message | None) -> str:
    buttons = [_copy(message)] if message.content else []
    if talk.settled and asked is not None and asked.author == talk.user and message.role == "assistant":
        if message.status in _ENDED:
            buttons.append(_retry(asked))
        else:
            buttons.append(_button("retry", "Answer again", "retry", asked.seq))
    given = talk.feedback.get(message.seq)
    for thumb, name, label in ((1, "up", "Good answer"), (-1, "down", "Bad answer")):
        pressed = given is not None and given.thumb == thumb
        buttons.append(_button("rate", label, name, message.seq, pressed=pressed, extra=f' data-thumb="{thumb}"'))
    return f'<footer class="deeds">{"".join(buttons)}</footer>'


def _retry(asked: Message) -> str:
    return f'<button type="button" class="primary" data-do="retry" data-seq="{asked.seq}">Retry</button>'


def _reason_form(talk: Talk, message: Message) -> str:
    given = talk.feedback.get(message.seq)
    if talk.asking != message.seq or given is None:
        return ""
    picks = "".join(
        f'<button type="button" class="pick" data-do="reason" data-seq="{message.seq}" data-thumb="{given.thumb}" '
        f'data-text="{each}">{each}</button>'
        for each in REASONS[given.thumb]
    )
    return (
        f'<form class="reason" data-do="reason" data-seq="{message.seq}" data-thumb="{given.thumb}">'
        f'<span>Thank you. {_WHAT[given.thumb]}</span><div class="row">{picks}</div><div class="row">'
        '<input name="text" aria-label="Reason" placeholder="In your own words" maxlength="1000">'
        '<button type="submit">Send</button></div></form>'
    )


def _switch(talk: Talk, message: Message) -> str:
    """‹ 2/3 ›, where a question was edited or answered anew."""
    version = talk.versions.get(message.seq)
    if version is None:
        return ""
    at, of = version.place, len(version.branches)

    def turn(to: int, name: str, label: str) -> str:
        off = "" if talk.settled and 0 <= to < of else " disabled"
        branch = version.branches[min(max(to, 0), of - 1)]
        return (
            f'<button type="button" class="deed" data-do="version" data-branch="{branch}" '
            f'aria-label="{label}" title="{label}"{off}>{icon(name)}</button>'
        )

    return (
        f'<span class="versions" role="group" aria-label="Version {at + 1} of {of}">'
        f"{turn(at - 1, 'previous', 'Previous version')}<span>{at + 1}/{of}</span>"
        f"{turn(at + 1, 'next', 'Next version')}</span>"
    )


def _copy(message: Message) -> str:
    return (
        f'<button type="button" class="deed" data-local="copy" data-text="{escape(message.content)}" '
        f'aria-label="Copy" title="Copy">{icon("copy")}</button>'
    )


def _button(do: str, label: str, name: str, seq: int, *, pressed: bool | None = None, extra: str = "") -> str:
    kind = "local" if do == "edit" else "do"
    state = "" if pressed is None else f' aria-pressed="{"true" if pressed else "false"}"'
    return (
        f'<button type="button" class="deed" data-{kind}="{do}" data-seq="{seq}"{extra} aria-label="{label}" '
        f'title="{label}"{state}>{icon(name)}</button>'
    )
