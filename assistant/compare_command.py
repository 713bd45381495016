"""`compare OLD NEW`: two versions of a contract on the terminal, clause beside clause; no model is loaded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.versions import Clause, Pair, align, clauses
from assistant.word_changes import Piece, equal_share, word_changes
from ingest import Document, Limits, load

AROUND = 8  # words shown on both sides of a change
_SIGNS = {"gone": ("[-", "-]"), "new": ("{+", "+}")}  # as wdiff writes them


def compare(
    paths: Sequence[Path | str],
    limits: Limits,
    password: str | None = None,
    *,
    ocr: bool = False,
    as_json: bool = False,
) -> None:
    """Prints what was added, removed, edited, moved and renumbered. Raises AssistantError and IngestError."""
    if len(paths) != 2:
        raise AssistantError("Give two versions to compare: the old one first, then the new one.")
    old, new = (load([path], limits=limits, password=password, ocr=ocr) for path in paths)
    pairs = align(clauses(old), clauses(new))
    if as_json:
        print(json.dumps(comparison_json(old, new, pairs), ensure_ascii=False))  # noqa: T201
    else:
        print("\n".join([*map(_told, filter(_changed, pairs)), summary(pairs)]))  # noqa: T201


def summary(pairs: Sequence[Pair]) -> str:
    """“168 clauses: 3 edited, 1 added, 12 renumbered, 152 unchanged.”"""
    counts = Counter(kind for pair in pairs for kind in pair.kinds)
    kinds = ("edited", "added", "removed", "moved", "renumbered")
    told = [f"{counts[kind]:,} {kind}" for kind in kinds if counts[kind]]
    return f"{len(pairs):,} clauses: {', '.join([*told, f'{sum(not pair.kinds for pair in pairs):,} unchanged'])}."


def comparison_json(old: Document, new: Document, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The object of `compare --json`: the changed clauses, with their changed words."""
    return {
        "old": old.name,
        "new": new.name,
        "clauses": len(pairs),
        "unchanged": sum(not pair.kinds for pair in pairs),
        "changes": [_json(pair) for pair in pairs if pair.kinds],
    }


def _json(pair: Pair) -> dict[str, Any]:
    pieces = _pieces(pair)
    return {
        "kinds": list(pair.kinds),
        **{name: _place(each) for name, each in (("old", pair.old), ("new", pair.new))},
        "equal_words": round(equal_share(pieces), 4),
        "words": [{"kind": each.kind, "text": each.text.strip()} for each in pieces if each.kind != "same"],
    }


def _place(clause: Clause | None) -> dict[str, Any] | None:
    return None if clause is None else {"number": clause.number, "title": clause.title, "page": clause.page}


def _told(pair: Pair) -> str:
    clause = pair.new or pair.old
    assert clause is not None
    page = f", p. {clause.page}" if clause.page else ""
    before = f" (was {pair.old.number})" if pair.old and pair.renumbered and pair.new else ""
    head = f"{', '.join(pair.kinds)}: {clause.header or 'before the first header'}{before}{page}"
    body = "" if pair.old and pair.new and not pair.edited else "  " + "".join(map(_signed, _pieces(pair))).strip()
    return "\n".join(filter(str.strip, (head, body)))


def _pieces(pair: Pair) -> tuple[Piece, ...]:
    return word_changes(pair.old.words if pair.old else "", pair.new.words if pair.new else "")


def _signed(piece: Piece) -> str:
    """Changed words between signs; what is the same is shortened to the words around the changes."""
    words = piece.text.strip()
    if piece.kind == "same":
        parts = words.split()
        if len(parts) > 2 * AROUND + 1:
            words = " ".join([*parts[:AROUND], "…", *parts[-AROUND:]])
        return f" {words}"
    opening, closing = _SIGNS[piece.kind]
    return f" {opening}{words}{closing}"


def _changed(pair: Pair) -> bool:
    return bool(pair.kinds)
