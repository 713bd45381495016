"""What the checks of a profile add to an answer, and a place in the document that they want cited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, end) of the document, cited beside an answer.

    `kind`: "definition", "reference", "lint", "symbol", "caller", "importer" or "promise".
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`places`: cited as "see also"; `unverified`: what the answer names and the document does not hold.

    `facts`: sentences found by rule, true of the document whatever the model said. `located`: the answer names a
    place of the tree and the tree agrees; `refuted`: it names one that the tree contradicts.
    """

    places: tuple[Place, ...] = ()
    unverified: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    located: bool = False
    refuted: bool = False


def merged(parts: list[Checked]) -> Checked:
    """All parts as one, each place and each name once, in order."""
    return Checked(
        places=tuple(dict.fromkeys(place for part in parts for place in part.places)),
        unverified=tuple(dict.fromkeys(name for part in parts for name in part.unverified)),
        facts=tuple(dict.fromkeys(fact for part in parts for fact in part.facts)),
        located=any(part.located for part in parts),
        refuted=any(part.refuted for part in parts),
    )
