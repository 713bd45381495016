"""Filler of code: Python files of a plausible application without end, made from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sparse_backend.eval.weave import Piece

NOUNS = (
    "order", "ticket", "parcel", "invoice", "account", "voucher", "route", "sensor", "reading", "tenant", "booking",
    "profile", "message", "payment", "session", "report", "device", "catalog", "basket", "supplier",
)  # fmt: skip
VERBS = ("load", "merge", "validate", "render", "archive", "split", "rank", "export", "group", "normalise", "collect")
FIELDS = ("name", "status", "owner", "created", "weight", "region", "currency", "label", "priority", "channel")
FOLDERS = ("core", "store", "web", "jobs", "shared", "reports", "sync")
BODIES = (
    '''def {verb}_{noun}s(items: list[dict], {field}: str) -> list[dict]:
    """Keeps the {noun}s whose {field} matches."""
    kept = []
    for item in items:
        if item.get("{field}") == {field}:
            kept.append(item)
    return kept''',
    '''class {Noun}Store:
    """Holds every {noun} in memory."""

    def __init__(self) -> None:
        self._items: dict[str, dict] = {{}}

    def put(self, key: str, {noun}: dict) -> None:
        self._items[key] = {noun}

    def {verb}(self, key: str) -> dict:
        return self._items[key]''',
    '''def {verb}_{noun}({noun}: dict) -> str:
    """One line for the log."""
    {field} = {noun}.get("{field}", "unknown")
    return f"{noun} {{{noun}['id']}}: {{{field}}}"''',
    '''def {noun}s_by_{field}({noun}s: list[dict]) -> dict[str, list[dict]]:
    """Groups the {noun}s by their {field}."""
    groups: dict[str, list[dict]] = {{}}
    for {noun} in {noun}s:
        groups.setdefault({noun}["{field}"], []).append({noun})
    return groups''',
    '''def {verb}_{field}s(first: dict, second: dict) -> dict:
    """The second {noun} wins where both have a {field}."""
    result = dict(first)
    if second.get("{field}") is not None:
        result["{field}"] = second["{field}"]
    return result''',
)


def files(random: Random) -> Iterator[Piece]:
    """Files, each a path line and two to five definitions, without end."""
    count = 0
    while True:
        count += 1
        noun = random.choice(NOUNS)
        yield Piece(f"# file: {random.choice(FOLDERS)}/{noun}_{random.choice(FIELDS)}_{count}.py", header=True)
        for _ in range(random.randint(2, 5)):
            verb, field = random.choice(VERBS), random.choice(FIELDS)
            body = random.choice(BODIES)
            yield Piece(body.format(noun=noun, Noun=noun.capitalize(), verb=verb, field=field))
