"""Our own import format → histories, strictly: an error names the place, `sessions[3].messages[7].role`.

{"customer": str, "agent": str, "sessions": [{"started_at": str, "messages": [
    {"role": "customer"|"agent"|"bot", "content": str, "at": str?}]}]}; a list or JSON Lines of them: several customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from ingest.document import BrokenFileError
from ingest.history import moment
from ingest.history.session import ROLES, History, Message, Parsed, Session, in_order
from ingest.history.source import Record, Source
from ingest.text import normalise, one_line

HINTS = ('"sessions"',)  # one of them stands in every such file
SURE = ('"customer"', '"sessions"', '"messages"')  # a file with all of them means to be one, even if it is damaged
NAMED = 20  # unknown names that get a warning of their own
SHOWN = 40  # characters of a wrong value in an error
KINDS = {str: "a text", list: "a list", dict: "an object", bool: "true or false", type(None): "null"}
FIELDS = {
    "history": ("customer", "agent", "sessions"),
    "session": ("started_at", "messages"),
    "message": ("role", "content", "at"),
}


def claims(value: object) -> bool:
    """Whether an object means to be a history of this format, valid or not."""
    if not isinstance(value, dict) or "sessions" not in value:
        return False
    sessions = value["sessions"]
    return "customer" in value or (
        isinstance(sessions, list) and any(isinstance(item, dict) and "messages" in item for item in sessions)
    )


def read(source: Source, name: str) -> Parsed:
    """One history per record; BrokenFileError for the first thing that is not as the format says."""
    return _Reader(name).read(source)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.unknown: dict[str, str] = {}
        self.without_zone = 0

    def read(self, source: Source) -> Parsed:
        if source.repeated:
            raise self.error(f'"{_short(source.repeated[0])}" stands twice in one object', "keep one of them")
        histories = tuple(self.history(record) for record in source.records)
        return Parsed(histories, tuple(self.warnings()))

    def warnings(self) -> list[str]:
        found = [
            f'{self.name}: "{_short(key)}" (first at {place}) is not part of the import format and was not read.'
            for key, place in islice(self.unknown.items(), NAMED)
        ]
        if len(self.unknown) > NAMED:
            found.append(f"{self.name}: {len(self.unknown) - NAMED} more such names were not read.")
        if self.without_zone:
            found.append(f"{self.name}: times without a time zone were taken as UTC ({self.without_zone:,} of them).")
        return found

    def history(self, record: Record) -> History:
        place = record.place
        fields = self.fields(record.value, place, "history")
        customer = self.line(fields, "customer", place)
        if not customer:
            raise self.error(f"{place}customer is empty", "give the customer's name or number")
        agent = self.line(fields, "agent", place)
        sessions = self.items(fields, "sessions", place)
        return History(
            customer,
            agent,
            in_order(
                self.session(item, f"{place}sessions[{index}].", index, customer, agent)
                for index, item in enumerate(sessions)
            ),
        )

    def session(self, value: object, place: str, index: int, customer: str, agent: str) -> Session:
        fields = self.fields(value, place, "session")
        start = self.time(fields, "started_at", place)
        authors = {"customer": customer, "agent": agent, "bot": ""}
        messages = self.items(fields, "messages", place)
        return Session(
            str(index + 1),
            start,
            "",
            "",
            tuple(self.message(item, f"{place}messages[{at}].", authors) for at, item in enumerate(messages)),
        )

    def message(self, value: object, place: str, authors: dict[str, str]) -> Message:
        fields = self.fields(value, place, "message")
        role = self.text(fields, "role", place)
        if role not in ROLES:
            raise self.error(f"{place}role is '{_short(role)}'", "use customer, agent or bot")
        content = self.text(fields, "content", place)
        at = self.time(fields, "at", place) if fields.get("at") is not None else None
        return Message(ROLES[ROLES.index(role)], authors[role], normalise(content).strip("\n"), at)

    def fields(self, value: object, place: str, kind: str) -> dict[str, object]:
        if not isinstance(value, dict):
            where = place.removesuffix(".").removesuffix(": ") or "the file"
            raise self.error(f"{where} is {_kind(value)}", f"put an object with {' and '.join(FIELDS[kind])} there")
        for key in value:
            if key not in FIELDS[kind]:
                self.unknown.setdefault(key, f"{place}{_short(key)}")
        return value

    def text(self, fields: dict[str, object], key: str, place: str) -> str:
        value = self.present(fields, key, place)
        if not isinstance(value, str):
            raise self.error(f"{place}{key} is {_kind(value)}", "put a text in quotes there")
        return value

    def line(self, fields: dict[str, object], key: str, place: str) -> str:
        return " ".join(one_line(self.text(fields, key, place)).split())

    def items(self, fields: dict[str, object], key: str, place: str) -> Sequence[object]:
        value = self.present(fields, key, place)
        if not isinstance(value, list):
            raise self.error(f"{place}{key} is {_kind(value)}", "put a list in square brackets there")
        return value

    def time(self, fields: dict[str, object], key: str, place: str) -> datetime:
        text = self.text(fields, key, place)
        try:
            found, zoned = moment.from_iso(text)
        except ValueError:
            raise self.error(f"{place}{key} is '{_short(text)}'", "write it as 2025-05-03T14:02:00+02:00") from None
        self.without_zone += not zoned
        return found

    def present(self, fields: dict[str, object], key: str, place: str) -> object:
        if key not in fields:
            raise self.error(f"{place}{key} is missing", "add it")
        return fields[key]

    def error(self, what: str, remedy: str) -> BrokenFileError:
        return BrokenFileError(f"{self.name} is not a valid history: {what}: {remedy}.")


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _kind(value: object) -> str:
    return KINDS.get(type(value), "a number")
