"""The promises of a customer's messages in the database: found by rule, kept, and followed by what was said later."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.history_text import Place, place_of
from assistant.promises import Promise, find_promises
from assistant.sessions import Said
from storage import Store
from storage.records import ConflictError

_SETTLED = ("kept", "broken")


def sync_promises(store: Store, user: str, said: Sequence[Said], places: Sequence[Place]) -> int:
    """Notes promises that are new, and settles open ones of which a later message speaks; how many rows changed.

    What a person settled stays as they left it. `places`: of the messages in the text from which `said` comes.
    """
    located = [(promise, place) for promise in find_promises(said) if (place := place_of(places, promise.start))]
    if not located:
        return 0
    known = {(each.conversation_id, each.seq, each.text): each for each in store.promises.all(user)}
    changed = 0
    for promise, place in located:
        stored = known.get((place.conversation_id, place.seq, promise.text))
        if stored is None:
            stored = store.promises.add(
                user, place.conversation_id, place.seq, _by(promise), "the customer", promise.text, promise.due
            )
            changed += 1
        if stored.state == "open" and stored.settled_by is None and promise.status in _SETTLED:
            try:
                store.promises.settle(user, stored.id, promise.status, expected=stored.version)
                changed += 1
            except ConflictError:  # somebody settled it just now
                continue
    return changed


def _by(promise: Promise) -> str:
    return f"{promise.said.role} {promise.said.author}".strip()
