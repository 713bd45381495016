"""Bots as data: what a bot is called, what it is told, how it greets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One bot. `system` opens every context; `not_stated` is its answer when the document is silent.

    `reminder` follows each question; `max_new_tokens` bounds an answer.
    """

    name: str
    title: str
    system: str
    reminder: str
    not_stated: str
    greeting: str
    examples: tuple[str, ...] = ()
    max_new_tokens: int = 200


LEGAL = Profile(
    name="legal",
    title="Contract reader",
    system=(
        "You answer questions about the document that the user gives you. Use only what the document says. "
        "Answer in one or two short sentences. If the document does not say it, answer: "
        "Not stated in this document."
    ),
    reminder="",
    not_stated="Not stated in this document.",
    greeting="Drop a contract here. I read all of it, then you ask.",
    examples=(
        "What law governs this agreement?",
        "How can this agreement be terminated?",
        "Which obligations survive termination?",
    ),
)

PROFILES = {profile.name: profile for profile in (LEGAL,)}
