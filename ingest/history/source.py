"""A file's characters → the JSON values in it: one document, or one value a line (JSON Lines), or several in a row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ingest.document import BrokenFileError

MAX_DIGITS = 22  # a longer integer is no id, count or time of any export, and Python may refuse to read it
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One object of the file; `place` names it in messages: "", "[2]." or "line 3: "."""

    place: str
    value: object


@dataclass(slots=True)
class Source:
    """The records of a file and the names that stand more than once in one object of it."""

    records: list[Record]
    repeated: list[str] = field(default_factory=list)


def load(text: str, name: str) -> Source:
    """Every object of the file, lists opened one level; BrokenFileError where it is no JSON, with the line."""
    repeated: dict[str, None] = {}

    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        if len(built) != len(pairs):
            names = [key for key, _ in pairs]
            repeated.update((key, None) for key in built if names.count(key) > 1)
        return built

    decoder = json.JSONDecoder(object_pairs_hook=build, parse_int=_number)
    values: list[tuple[int, object]] = []
    at, line, counted = _skip(text, 0), 1, 0
    try:
        while at < len(text):
            line, counted = line + text.count("\n", counted, at), at
            value, end = decoder.raw_decode(text, at)
            values.append((line, value))
            at = _skip(text, end)
    except RecursionError:
        raise BrokenFileError(f"{name} is nested too deeply to be read: export it again.") from None
    except json.JSONDecodeError as error:
        row = line + text.count("\n", counted, error.pos)
        column = error.pos - text.rfind("\n", 0, error.pos)
        raise BrokenFileError(
            f"{name} is not valid JSON at line {row}, column {column} ({error.msg}): export it again."
        ) from None
    return Source(_records(values), list(repeated))


def _records(values: list[tuple[int, object]]) -> list[Record]:
    records: list[Record] = []
    for line, value in values:
        place = f"line {line}: " if len(values) > 1 else ""
        if isinstance(value, list):
            records += [Record(f"{place}[{index}].", item) for index, item in enumerate(value)]
        else:
            records.append(Record(place, value))
    return records


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
