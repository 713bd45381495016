"""Bots as data: what a bot is called and told, how it greets, what of its answers is checked, when it hands over.

The shipped bots are the files of the folder profiles/ beside this one; profile_folder.py adds a team's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.errors import AssistantError

CHECKS = {
    "quotes": "an answer with a quote that stands nowhere is not supported",
    "references": "definitions of the terms it uses and targets of cross references are shown beside it",
    "lint": "asked about problems, it gets the findings of the contract's rules",
    "advice": "sentences that advise are marked unless the document says them",
    "paths": "files and lines it names are looked up in the tree",
    "symbols": "functions and classes it names are looked up; callers and importers are added when asked for",
    "promises": "what was promised, by when, and what became of it is added when asked for",
}


class ProfileError(AssistantError):
    """A profile file that cannot be used; names the file, the key and what to write instead."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """When a person should take over; an empty list or a zero switches a rule off.

    `person`, `frustration` and `words` are phrases of the customer. `repeated`: the same question that many times.
    `refused`: that many answers in a row without proof or with "not stated". `low_evidence` [0, 1]: the best proof of
    `low_evidence_count` answers in a row lies below it. `waiting` is said until the person comes.
    """

    person: tuple[str, ...] = ()
    repeated: int = 0
    frustration: tuple[str, ...] = ()
    frustration_count: int = 1
    refused: int = 0
    low_evidence: float = 0.0
    low_evidence_count: int = 1
    words: tuple[str, ...] = ()
    waiting: str = "I have asked a person to take over."


@dataclass(frozen=True, slots=True)
class Profile:
    """One bot. `system` opens every context, its `tone` included; `not_stated` is its answer to what is not there.

    `reminder` follows each question; `max_new_tokens` bounds an answer. `pattern` and `level` are "" where the
    program's own setting counts. `checks` are keys of CHECKS.
    """

    name: str
    title: str
    system: str
    reminder: str
    not_stated: str
    greeting: str
    examples: tuple[str, ...] = ()
    max_new_tokens: int = 200
    pattern: str = ""
    level: str = ""
    tone: str = ""
    checks: tuple[str, ...] = ()
    escalation: Escalation = field(default_factory=Escalation)
