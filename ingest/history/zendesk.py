"""Zendesk tickets with their comments → histories: one ticket is one session, grouped by requester.

Takes {"tickets": […], "users": […]}, {"ticket": {…}, "comments": […]}, lists of tickets, one ticket a line, and the
comments of one ticket alone. Roles come from `users` where the export carries them, else from the ticket.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.history import moment
from ingest.history.fields import (
    Customers,
    Person,
    Tally,
    file_label,
    line,
    mapping,
    objects,
    pictures,
    size,
    text,
)
from ingest.history.session import Message, Parsed, Session
from ingest.history.source import Source

HINTS = ('"requester_id"', '"requester"', '"comments"')
SURE = ('"requester_id"', '"comments"', '"author_id"')
STAFF = ("agent", "admin", "owner")
SYSTEM = "-1"  # the author of what Zendesk itself wrote
TICKET = frozenset((
    "id", "subject", "raw_subject", "created_at", "requester_id", "requester", "submitter_id", "submitter",
    "assignee_id", "assignee", "collaborators", "comments", "comment_count", "description", "via", "status",
    "priority", "tags", "satisfaction_rating",
))  # fmt: skip
COMMENT = frozenset((
    "id", "type", "author_id", "author", "body", "plain_body", "html_body", "public", "created_at", "attachments",
))  # fmt: skip
NO_TICKETS = "entries are no tickets and were not read."
BESIDE = frozenset(("tickets", "ticket", "comments", "users"))


def claims(value: object) -> bool:
    """Whether an object is a ticket, or holds tickets."""
    if not isinstance(value, dict):
        return False
    listed = objects(value.get("tickets"))[:1] or [mapping(value.get("ticket"))]
    return _is_ticket(value) or any(_is_ticket(item) for item in listed) or _is_comments(value)


def _is_ticket(value: dict[str, object]) -> bool:
    asks = "requester_id" in value or isinstance(value.get("requester"), dict)
    return asks and "id" in value and ("description" in value or isinstance(value.get("comments"), list))


def _is_comments(value: dict[str, object]) -> bool:
    comments = objects(value.get("comments"))
    return bool(comments) and all("author_id" in item and "public" in item and "body" in item for item in comments)


def read(source: Source, name: str) -> Parsed:
    """One history per requester."""
    reader = _Reader()
    for record in source.records:
        reader.meet(mapping(record.value))
    for record in source.records:
        for ticket in reader.tickets(mapping(record.value)):
            reader.ticket(ticket)
    return Parsed(reader.customers.histories(), tuple(reader.tally.warnings(name)))


class _Reader:
    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.tally = Tally()
        self.customers = Customers(self.customer_label)

    def customer_label(self, key: str) -> str:
        person = self.people.get(key)
        return (person.label if person else "") or (f"requester {key}" if key else "unknown")

    def meet(self, record: dict[str, object]) -> None:
        """Remembers everybody a record names: side-loaded users and people inside tickets."""
        for user in objects(record.get("users")):
            self.person(user)
        tickets = objects(record.get("tickets")) or [record, mapping(record.get("ticket"))]
        for ticket in tickets:
            for key in ("requester", "submitter", "assignee"):
                self.person(mapping(ticket.get(key)))
            for each in objects(ticket.get("collaborators")):
                self.person(each)

    def person(self, user: dict[str, object]) -> None:
        key = line(user.get("id"))
        if key:
            known = self.people.get(key, Person(""))
            self.people[key] = Person(
                line(user.get("name")) or known.name,
                line(user.get("email")) or known.email,
                line(user.get("role")) or known.role,
            )

    def tickets(self, record: dict[str, object]) -> Iterator[dict[str, object]]:
        """The tickets of a record, each with its comments inside."""
        if _is_ticket(record):
            yield record
        elif "ticket" in record or _is_comments(record):
            self.tally.note("export", record, BESIDE)
            ticket = mapping(record.get("ticket"))
            yield {**ticket, "comments": record.get("comments") or ticket.get("comments")}
        elif "tickets" in record:
            self.tally.note("export", record, BESIDE)
            for item in self.tally.objects(record["tickets"], "tickets"):
                if _is_ticket(item):
                    yield item
                else:
                    self.tally.counts[NO_TICKETS] += 1
        elif "users" not in record:
            self.tally.counts[NO_TICKETS] += 1

    def ticket(self, ticket: dict[str, object]) -> None:
        self.tally.note("ticket", ticket, TICKET)
        requester = line(ticket.get("requester_id")) or line(mapping(ticket.get("requester")).get("id"))
        assignee = line(ticket.get("assignee_id")) or line(mapping(ticket.get("assignee")).get("id"))
        comments = self.tally.objects(ticket.get("comments"), "comments")
        count = ticket.get("comment_count")
        if isinstance(count, int) and count > len(comments):
            self.tally.counts["comments are counted in the export but not in it."] += count - len(comments)
        if not comments and text(ticket.get("description")):
            self.tally.counts["tickets came without their comments: only their first message is shown."] += 1
            created = ticket.get("created_at")
            comments = [{"author_id": requester, "body": ticket["description"], "created_at": created, "public": True}]
        messages = tuple(self.comment(comment, requester, assignee) for comment in comments)
        channel = line(mapping(ticket.get("via")).get("channel"))
        session = Session(
            line(ticket.get("id")),
            moment.from_any(ticket.get("created_at")),
            channel,
            line(ticket.get("subject")) or line(ticket.get("raw_subject")),
            messages,
            _details(ticket, channel),
        )
        self.customers.add(requester or self.first_customer(comments), session)

    def first_customer(self, comments: list[dict[str, object]]) -> str:
        """The author to take for the requester where a file holds comments alone."""
        authors = [line(comment.get("author_id")) for comment in comments]
        known = [key for key in authors if self.people.get(key, Person("")).role == "end-user"]
        return (known or authors or [""])[0]

    def comment(self, comment: dict[str, object], requester: str, assignee: str) -> Message:
        self.tally.note("comment", comment, COMMENT)
        self.person(mapping(comment.get("author")))
        author = line(comment.get("author_id")) or line(mapping(comment.get("author")).get("id"))
        internal = comment.get("public") is False
        plain = text(comment.get("plain_body")).replace("&nbsp;", " ") or text(comment.get("body"))
        content = plain or self.tally.markup(comment.get("html_body"))
        inside = pictures(comment.get("html_body"))
        files = tuple(_file(item) for item in objects(comment.get("attachments")))
        return Message(
            self.role(author, requester, assignee, internal),
            "Zendesk" if author == SYSTEM else self.people.get(author, Person(author)).name or author,
            content,
            moment.from_any(comment.get("created_at")),
            internal,
            (*files, *inside[len(files) :]),  # pictures inside the text are most often among the attachments
        )

    def role(self, author: str, requester: str, assignee: str, internal: bool) -> str:
        if author == SYSTEM:
            return "bot"
        role = self.people.get(author, Person("")).role
        if author == requester and not (internal or role in STAFF):
            return "customer"
        if role == "end-user":
            return "customer"
        if role not in STAFF and author != assignee and not internal:
            self.tally.counts["comments have an author whose role is not in the export: taken to be agents."] += 1
        return "agent"


def _file(item: dict[str, object]) -> str:
    return file_label(line(item.get("file_name")), line(item.get("content_type")), size(item.get("size")))


def _details(ticket: dict[str, object], channel: str) -> str:
    number = line(ticket.get("id"))
    tags = ticket.get("tags")
    rating = mapping(ticket.get("satisfaction_rating"))
    score, words = line(rating.get("score")), line(rating.get("comment"))
    parts = (
        f"Ticket {number}" if number else "Ticket",
        f"by {channel}" if channel else "",
        f"status {line(ticket.get('status'))}" if line(ticket.get("status")) else "",
        f"priority {line(ticket.get('priority'))}" if line(ticket.get("priority")) else "",
        f"tags {', '.join(line(tag) for tag in tags)}" if isinstance(tags, list) and tags else "",
        f"rated {score}" if score not in ("", "unoffered", "offered") else "",
        f"with the words “{words}”" if words else "",
    )
    return "; ".join(part for part in parts if part) + "."
