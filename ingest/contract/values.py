"""What an analysis hands on. All offsets count characters of `Document.text`, all indices count its sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ingest.document import Document

State = Literal["resolved", "dangling", "external"]
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Party:
    """`short` is the name the contract uses from then on, such as "Landlord"; "" where it gives none."""

    name: str
    short: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Date:
    """`kind` is "effective", "execution" or "other"; `iso` is None for a blank or a formula instead of a day."""

    text: str
    kind: str
    iso: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """An exhibit, schedule, annex or appendix; `section` is None if it is only spoken of, and [start, end) is there."""

    label: str
    kind: str
    title: str
    start: int
    end: int
    section: int | None
    empty: bool = False  # a heading without any text below it


@dataclass(frozen=True, slots=True)
class Signature:
    """A block to be signed: for which party, and by whom if that can be read."""

    party: str
    signatories: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Definition:
    """One place that defines a term: [start, end) is the term, [body, body_end) what it means.

    `kind`: "means", "short" (in brackets), "list" (an entry of a list of definitions), "pointer" (it says only
    where the meaning stands, and `pointer` is that reference), "adds" ("X" includes …) or "party". `local` holds for
    one clause alone.
    """

    kind: str
    start: int
    end: int
    body: int
    body_end: int
    section: int | None
    pointer: int | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A defined term, its other names (plural, "or"), all its definitions, and where it is used elsewhere."""

    name: str
    aliases: tuple[str, ...]
    definitions: tuple[Definition, ...]
    uses: tuple[int, ...]
    own: bool = False  # names the contract itself: "this Agreement"


@dataclass(frozen=True, slots=True)
class Reference:
    """Words that point to a section or an attachment; `section` is its index, None unless resolved."""

    text: str
    kind: str
    label: str
    start: int
    end: int
    state: State
    section: int | None
    origin: int | None  # the section the words stand in


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract taken apart; `document` is the text all offsets belong to, [start, end) the part that was read."""

    document: Document
    start: int
    end: int
    title: str
    parties: tuple[Party, ...]
    dates: tuple[Date, ...]
    attachments: tuple[Attachment, ...]
    signatures: tuple[Signature, ...]
    terms: tuple[Term, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at: `message` is one sentence, `section` the title it stands under ("" if none)."""

    code: str
    severity: Severity
    message: str
    start: int
    end: int
    section: str
