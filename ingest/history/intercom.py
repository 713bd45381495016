"""Intercom conversations with their parts → histories: one conversation is one session, grouped by contact.

Takes a single conversation, {"conversations": […]}, {"type": "conversation.list", …}, {"type": "list", "data": […]},
lists, and one conversation a line. Notes are internal; what carries no words (assigned, closed) is counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.history import moment
from ingest.history.fields import Customers, Person, Tally, file_label, line, mapping, objects, pictures, size
from ingest.history.session import Message, Parsed, Session
from ingest.history.source import Source

HINTS = ('"conversation_parts"', '"conversation_message"', '"conversation"')
SURE = ('"conversation_parts"', '"part_type"')
ROLES = {
    "user": "customer", "lead": "customer", "contact": "customer", "visitor": "customer",
    "admin": "agent", "team": "agent", "teammate": "agent", "bot": "bot",
}  # fmt: skip
INTERNAL = ("note", "assignment", "note_and_reopen")  # an assignment's words go to the colleague
LISTS = ("conversations", "data")
CONVERSATION = frozenset((
    "type", "id", "created_at", "source", "conversation_message", "conversation_parts", "contacts", "customers",
    "user", "title", "state", "priority", "tags", "conversation_rating",
))  # fmt: skip
PART = frozenset((
    "type", "id", "part_type", "body", "created_at", "author", "attachments", "redacted", "subject", "delivered_as",
))  # fmt: skip
BESIDE = frozenset(("type", *LISTS))


def claims(value: object) -> bool:
    """Whether an object is a conversation, or holds conversations."""
    if not isinstance(value, dict):
        return False
    return _is_conversation(value) or any(_is_conversation(item) for key in LISTS for item in objects(value.get(key)))


def _is_conversation(value: dict[str, object]) -> bool:
    opened = "conversation_parts" in value or isinstance(value.get("conversation_message"), dict)
    return "id" in value and (opened or (value.get("type") == "conversation" and isinstance(value.get("source"), dict)))


def read(source: Source, name: str) -> Parsed:
    """One history per contact."""
    reader = _Reader()
    conversations = [each for record in source.records for each in reader.conversations(mapping(record.value))]
    for conversation in conversations:
        reader.meet(conversation)
    for conversation in conversations:
        reader.conversation(conversation)
    return Parsed(reader.customers.histories(), tuple(reader.tally.warnings(name)))


def _parts(conversation: dict[str, object]) -> object:
    """The parts as a list, which some exports give without the list object around it."""
    parts = conversation.get("conversation_parts")
    return parts.get("conversation_parts") if isinstance(parts, dict) else parts


def _opening(conversation: dict[str, object]) -> dict[str, object]:
    return mapping(conversation.get("source")) or mapping(conversation.get("conversation_message"))


def _contacts(conversation: dict[str, object]) -> list[dict[str, object]]:
    contacts = conversation.get("contacts")
    listed = contacts.get("contacts") if isinstance(contacts, dict) else contacts
    return [each for each in (*objects(listed), mapping(conversation.get("user")),
                              *objects(conversation.get("customers"))) if line(each.get("id"))]  # fmt: skip


class _Reader:
    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.tally = Tally()
        self.customers = Customers(self.customer_label)

    def customer_label(self, key: str) -> str:
        person = self.people.get(key)
        return (person.label if person else "") or (f"contact {key.removeprefix('customer ')}" if key else "unknown")

    def conversations(self, record: dict[str, object]) -> Iterator[dict[str, object]]:
        """The conversations of a record."""
        if _is_conversation(record):
            yield record
            return
        self.tally.note("export", record, BESIDE)
        items = [item for key in LISTS for item in self.tally.objects(record.get(key), "conversations")]
        lost = [item for item in items if not _is_conversation(item)]
        if lost or not items:
            self.tally.counts["entries are no conversations and were not read."] += len(lost) or 1
        yield from (item for item in items if _is_conversation(item))

    def meet(self, conversation: dict[str, object]) -> None:
        """Remembers the names of everybody who writes: contacts are often listed by number alone."""
        for contact in _contacts(conversation):
            self.person(contact, "customer")
        for part in (_opening(conversation), *objects(_parts(conversation))):
            author = mapping(part.get("author"))
            self.person(author, ROLES.get(line(author.get("type")), "agent"))

    def person(self, item: dict[str, object], role: str) -> str:
        """The key of a person: admins and contacts count their numbers apart."""
        key = f"{role} {line(item.get('id'))}" if line(item.get("id")) else ""
        if key:
            known = self.people.get(key, Person(""))
            name, email = line(item.get("name")) or known.name, line(item.get("email")) or known.email
            self.people[key] = Person(name, email, role)
        return key

    def conversation(self, conversation: dict[str, object]) -> None:
        self.tally.note("conversation", conversation, CONVERSATION)
        opening = _opening(conversation)
        parts = self.tally.objects(_parts(conversation), "conversation parts")
        total = mapping(conversation.get("conversation_parts")).get("total_count")
        if isinstance(total, int) and total > len(parts):
            self.tally.counts["parts are counted in the export but not in it."] += total - len(parts)
        if "conversation_parts" not in conversation:
            self.tally.counts["conversations came without their parts: only their first message is shown."] += 1
        started = moment.from_any(conversation.get("created_at"))
        messages: list[Message] = []
        if opening:
            created = opening.get("created_at") or conversation.get("created_at")
            messages += self.message({**opening, "created_at": created, "part_type": "comment"}, "source")
        for part in parts:
            messages += self.message(part, "part")
        subject = line(conversation.get("title")) or line(self.tally.markup(opening.get("subject")))
        channel = line(opening.get("type")) if "source" in conversation else ""
        details = _details(conversation, channel)
        session = Session(line(conversation.get("id")), started, channel, subject, tuple(messages), details)
        self.customers.add(self.customer(conversation), session)

    def customer(self, conversation: dict[str, object]) -> str:
        """The key of the contact: the one listed, else the first one who writes."""
        for contact in _contacts(conversation):
            return self.person(contact, "customer")
        for part in (_opening(conversation), *objects(_parts(conversation))):
            author = mapping(part.get("author"))
            if ROLES.get(line(author.get("type"))) == "customer":
                return self.person(author, "customer")
        return ""

    def message(self, part: dict[str, object], kind: str) -> list[Message]:
        """The message of a part; none where it has neither words nor files."""
        self.tally.note(kind, part, PART)
        content = self.tally.markup(part.get("body"))
        files = (*(_file(item) for item in objects(part.get("attachments"))), *pictures(part.get("body")))
        part_type = line(part.get("part_type")) or "part"
        if not content and not files:
            what = "deleted in Intercom" if part.get("redacted") is True else f"of the kind “{part_type[:40]}”"
            self.tally.counts[f"parts without words are not shown ({what})."] += 1
            return []
        author = mapping(part.get("author"))
        role = ROLES.get(line(author.get("type")), "agent")
        if author.get("from_ai_agent") is True or author.get("is_ai_answer") is True:
            role = "bot"
        known = self.people.get(f"{ROLES.get(line(author.get('type')), 'agent')} {line(author.get('id'))}", Person(""))
        written = moment.from_any(part.get("created_at"))
        name = line(author.get("name")) or known.name or line(author.get("email")) or line(author.get("id"))
        return [Message(role, name, content, written, part_type in INTERNAL, files)]


def _file(item: dict[str, object]) -> str:
    return file_label(line(item.get("name")), line(item.get("content_type")), size(item.get("filesize")))


def _details(conversation: dict[str, object], channel: str) -> str:
    number, state = line(conversation.get("id")), line(conversation.get("state"))
    tags = conversation.get("tags")
    named = [line(tag.get("name")) for tag in objects(tags.get("tags") if isinstance(tags, dict) else tags)]
    rating = mapping(conversation.get("conversation_rating"))
    score, words = line(rating.get("rating")), line(rating.get("remark"))
    parts = (
        f"Conversation {number}" if number else "Conversation",
        f"by {channel}" if channel and channel != "conversation" else "",
        f"state {state}" if state else "",
        "priority" if conversation.get("priority") == "priority" else "",
        f"tags {', '.join(name for name in named if name)}" if any(named) else "",
        f"rated {score}" if score else "",
        f"with the words “{words}”" if words else "",
    )
    return "; ".join(part for part in parts if part) + "."
