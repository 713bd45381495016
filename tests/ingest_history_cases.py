"""Histories as bytes, in every shape that is read; written by hand, told by what each is there to show."""

from __future__ import annotations

import json
from pathlib import Path

from ingest.history import reader
from ingest.part import Part, Request

FIXTURES = Path(__file__).parent / "fixtures" / "history"
GOLDEN = Path(__file__).parent / "golden" / "history"
PLAIN = ("import_one_customer.json", "import_two_customers.jsonl")
EXPORTS = ("zendesk_tickets.json", "zendesk_lines.jsonl", "intercom_list.json", "intercom_old_single.json")
REQUEST = Request(max_chars=10_000_000, max_pages=100)


def as_bytes(value: object) -> bytes:
    """A value as a JSON file."""
    return json.dumps(value).encode()


def render(value: object, name: str = "history.json") -> Part:
    """The part of a value written as a JSON file, checked."""
    part = reader.read(value if isinstance(value, bytes) else as_bytes(value), name, REQUEST)
    part.check()
    return part


def shown(part: Part) -> str:
    """A part as one plain text for a golden file: text, sections, and what was not read."""
    sections = [f"{'  ' * each.level}{each.kind}: {part.text[each.start : each.header_end]}" for each in part.sections]
    unread = [f"not read: {each.path} ({each.reason})" for each in part.unread]
    return "\n".join([part.text + "=" * 72, *sections, *part.warnings, *unread]) + "\n"


def message(role: str = "customer", content: object = "Hello", **more: object) -> dict[str, object]:
    """One message of the import format."""
    return {"role": role, "content": content, **more}


def session(*messages: object, started_at: str = "2025-05-03T14:02:00Z", **more: object) -> dict[str, object]:
    """One session of the import format."""
    return {"started_at": started_at, "messages": list(messages), **more}


def history(*sessions: object, customer: str = "Ann Lee", agent: str = "Maria", **more: object) -> dict[str, object]:
    """One customer of the import format."""
    return {"customer": customer, "agent": agent, "sessions": list(sessions), **more}


def ticket(*comments: object, number: int = 1, requester: int = 7, **more: object) -> dict[str, object]:
    """One Zendesk ticket."""
    return {
        "id": number,
        "subject": "Refund",
        "created_at": "2025-05-03T14:02:00Z",
        "requester_id": requester,
        "comments": list(comments),
        **more,
    }


def comment(author: int = 7, body: str = "Hello", public: bool = True, **more: object) -> dict[str, object]:
    """One comment of a Zendesk ticket."""
    return {"author_id": author, "body": body, "public": public, "created_at": "2025-05-03T14:02:00Z", **more}


def conversation(*parts: object, number: str = "1", **more: object) -> dict[str, object]:
    """One Intercom conversation, opened by the contact c1."""
    author = {"type": "user", "id": "c1", "name": "Ann Lee", "email": "ann@example.com"}
    return {
        "type": "conversation",
        "id": number,
        "created_at": 1746280920,
        "source": {"type": "conversation", "body": "<p>Hello</p>", "author": author, "attachments": []},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": list(parts)},
        **more,
    }


def part(
    body: str | None = "<p>Hi</p>", kind: str = "comment", author: str = "admin", **more: object
) -> dict[str, object]:
    """One part of an Intercom conversation."""
    who = {"type": author, "id": "a1", "name": "Maria"}
    return {
        "type": "conversation_part",
        "part_type": kind,
        "body": body,
        "created_at": 1746281040,
        "author": who,
        **more,
    }


if __name__ == "__main__":  # writes the golden files anew: read their diff
    for file in (*PLAIN, *EXPORTS):
        golden = shown(render((FIXTURES / file).read_bytes(), file))
        (GOLDEN / f"{file}.txt").write_text(golden, encoding="utf-8")
